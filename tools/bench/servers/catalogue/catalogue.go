// Package catalogue is the fifty tools that servers list when lists are raced: about 33 KB as JSON.
package catalogue

import "fmt"

// Size is how many tools there are.
const Size = 50

// Tool is the definition of a tool.
type Tool struct {
	Name, Description string
	Schema            string // of the arguments, as JSON without blanks
}

// Tools gives all of them, in the order of their names.
func Tools() []Tool {
	var all []Tool
	for i := range Size {
		thing := fmt.Sprintf("record%02d", i)
		all = append(all, Tool{
			Name:        "update_" + thing,
			Description: "Updates one " + thing + " in the inventory and returns it as it is afterwards. Fails if there is none with the id.",
			Schema: `{"type":"object","properties":{` +
				`"id":{"type":"string","description":"identifier of the ` + thing + `, as a search returns it"},` +
				`"title":{"type":"string","description":"new title, at most 200 characters","maxLength":200},` +
				`"state":{"type":"string","description":"new state","enum":["open","waiting","closed"]},` +
				`"priority":{"type":"integer","description":"from 1, the highest, to 5","minimum":1,"maximum":5},` +
				`"labels":{"type":"array","description":"labels, which replace the old ones","items":{"type":"string"}}` +
				`},"required":["id"]}`,
		})
	}
	return all
}

// Answer is the shortest answer to tools/list with the id, as a JSON-RPC message.
func Answer(id int) []byte {
	b := fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"result":{"tools":[`, id)
	for i, t := range Tools() {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"name":%q,"description":%q,"inputSchema":%s}`, t.Name, t.Description, t.Schema)
	}
	return append(b, "]}}"...)
}
