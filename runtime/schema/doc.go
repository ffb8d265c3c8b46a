// Package schema validates JSON values against JSON Schemas: over their bytes, in one pass, and without allocating for a
// value that is valid. Of one that is not it says, for a model, where it is wrong, what was expected, what is allowed and
// which name is nearest.
//
// It knows the dialects 2020-12, which no $schema means too, and draft-07, with the keywords in docs/schemas.md: all but
// unevaluatedProperties, unevaluatedItems, $dynamicRef, references by $id, $vocabulary and some formats. A schema
// that has one of those is an [*Outside] error, unless the program has the import
//
//	import _ "github.com/tenonmcp/tenon/runtime/fullschema"
//
// which links a complete validator and has such schemas, and only those, checked by it.
//
// References never leave the document. Numbers are compared exactly, at any size. Patterns are RE2 (package regexp).
package schema
