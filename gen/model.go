package main

// protocol is what emit turns into a Go package: plain data, all questions answered.
type protocol struct {
	Revisions []*revision
	Versions  []string  // the revisions whose peers can be talked to, oldest first; empty: Revisions
	Types     []*goType // by name
	Methods   []*method // by name
	Handlers  []*handler
	Errors    []*errorCode
	// Capabilities are the structs in which each side declares what it can do.
	Capabilities map[string]*goType
	Covered      []*covered // one for each definition of each revision, in order
}

type revision struct {
	Name   string
	Path   string
	SHA256 string
}

type typeKind int

const (
	structType typeKind = iota
	unionType
	enumType
	aliasType
)

// goType is one type of the generated package.
type goType struct {
	Kind      typeKind
	Name      string   // in Go
	Def       string   // the definition it is, or is part of
	Path      []string // from the definition, for types without a name of their own in the schema
	Pointers  []string // everywhere it stands
	Doc       string   // predicate
	Feature   string   // decides the file
	Revisions []string

	Fields   []*field     // structs
	Branches []*branch    // unions
	Pick     *pick        // unions
	Values   []*enumValue // enums
	Rank     string       // enums with an order: the method that tells it
	Alias    *ref         // aliases

	Error *errorData // structs that are the data of an error
	Boxed bool       // unions that stand for a whole params or result
	Since string     // the revision that brought it, if not the oldest
}

// field is one member of a struct. Members with a constant value are written, not stored.
type field struct {
	Name       string // in Go
	JSON       string
	Doc        string
	Type       *ref
	Required   bool
	Nullable   bool
	Tristate   bool
	Const      any // string, int64 or bool; nil if the value may vary
	Revisions  []string
	RequiredIn []string
	Since      string // the revision that brought it, if not the oldest
}

type form int

const (
	formAny     form = iota // any JSON value, kept raw
	formObject              // a JSON object, kept raw
	formMembers             // an object taken apart into its members, in order
	formString
	formBool
	formInt
	formFloat
	formID // string or integer
	formBase64
	formNamed     // a struct, union or enum of this package
	formSlice     // of Elem
	formMap       // from string to Elem
	formEntries   // from string to Elem, in order
	formOneOrMany // one Elem or a list of them
)

// ref is the use of a type.
type ref struct {
	Form  form
	To    *goType // formNamed
	Alias *goType // the named alias it was reached through, if any
	Elem  *ref

	Format             string
	Min, Max           *float64
	MinItems, MaxItems int
	MinLen, MaxLen     int
}

// branch is one alternative of a union: a struct of this package or a scalar wrapped by Wrapper.
type branch struct {
	To      *goType
	Scalar  *ref
	Wrapper string // Go name of the type that wraps the scalar
	Kind    string // JSON kind: object, string, number, boolean or array
	Since   string // the revision that brought it, if not the oldest
}

// pick says how a decoder finds the branch of an object.
type pick struct {
	Member  string // the member whose constant value decides; empty if none does
	Cases   []*pickCase
	Absent  []*pickTest // without Member, or where it is absent
	Pending bool        // the pending request decides: nothing is generated
}

type pickCase struct {
	Values []string
	Tests  []*pickTest
}

// pickTest chooses To if all of All, or any of Any, are members of the object (or of its member In).
type pickTest struct {
	To  *goType
	All []string
	Any []string
	In  string
}

type enumValue struct {
	Name      string // Go constant
	Value     string
	Doc       string
	Revisions []string
}

// errorData tells which error a struct is the data of.
type errorData struct {
	Code string // Go constant
}

type errorCode struct {
	Name      string
	Code      int64
	Doc       string
	Revisions []string
}

// method is one row of the method table.
type method struct {
	Name         string // on the wire
	GoName       string
	Def          string
	Pointer      string // of the definition
	Doc          string
	Notification bool
	FromClient   bool
	FromServer   bool
	Params       *ref // nil: none
	ParamsNeeded bool
	Result       *ref // nil for notifications
	TaskResult   *ref // nil: cannot become a task
	TaskGate     string
	Gate         string
	GateOfSender bool // the sender declares the capability, not the receiver
	Handler      string
	Revisions    []string
	Since        string // the revision that brought it, if not the oldest
}

// handler is one interface that applications implement.
type handler struct {
	Name    string
	Gate    string
	Methods []*method
}

// covered says what became of a definition.
type covered struct {
	Revision string
	Def      string
	Became   string
}
