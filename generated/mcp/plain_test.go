package mcp_test

// The plainest structs that hold the samples, for the JSON libraries that the benchmark compares
// with. R is the library's type for JSON that stays as it is. They check less than the package does:
// nothing is required, unions are one struct of everything, unknown members are dropped.

type plainImplementation struct {
	Name        string      `json:"name"`
	Title       string      `json:"title,omitzero"`
	Version     string      `json:"version"`
	Description string      `json:"description,omitzero"`
	WebsiteURL  string      `json:"websiteUrl,omitzero"`
	Icons       []plainIcon `json:"icons,omitzero"`
}

type plainIcon struct {
	Src      string   `json:"src"`
	MIMEType string   `json:"mimeType,omitzero"`
	Sizes    []string `json:"sizes,omitzero"`
	Theme    string   `json:"theme,omitzero"`
}

type plainListChanged struct {
	ListChanged bool `json:"listChanged,omitzero"`
	Subscribe   bool `json:"subscribe,omitzero"`
}

type plainInitializeParams[R any] struct {
	ProtocolVersion string              `json:"protocolVersion"`
	ClientInfo      plainImplementation `json:"clientInfo"`
	Capabilities    struct {
		Roots    *plainListChanged `json:"roots,omitzero"`
		Sampling *struct {
			Context R `json:"context,omitzero"`
			Tools   R `json:"tools,omitzero"`
		} `json:"sampling,omitzero"`
		Elicitation *struct {
			Form R `json:"form,omitzero"`
			URL  R `json:"url,omitzero"`
		} `json:"elicitation,omitzero"`
	} `json:"capabilities"`
}

type plainInitializeResult[R any] struct {
	ProtocolVersion string              `json:"protocolVersion"`
	ServerInfo      plainImplementation `json:"serverInfo"`
	Instructions    string              `json:"instructions,omitzero"`
	Capabilities    struct {
		Tools       *plainListChanged `json:"tools,omitzero"`
		Prompts     *plainListChanged `json:"prompts,omitzero"`
		Resources   *plainListChanged `json:"resources,omitzero"`
		Logging     R                 `json:"logging,omitzero"`
		Completions R                 `json:"completions,omitzero"`
	} `json:"capabilities"`
}

type plainListToolsResult[R any] struct {
	Tools []struct {
		Name         string `json:"name"`
		Title        string `json:"title,omitzero"`
		Description  string `json:"description,omitzero"`
		InputSchema  R      `json:"inputSchema"`
		OutputSchema R      `json:"outputSchema,omitzero"`
		Annotations  *struct {
			Title           string `json:"title,omitzero"`
			ReadOnlyHint    *bool  `json:"readOnlyHint,omitzero"`
			DestructiveHint *bool  `json:"destructiveHint,omitzero"`
			IdempotentHint  *bool  `json:"idempotentHint,omitzero"`
			OpenWorldHint   *bool  `json:"openWorldHint,omitzero"`
		} `json:"annotations,omitzero"`
	} `json:"tools"`
	NextCursor string `json:"nextCursor,omitzero"`
}

type plainCallToolParams[R any] struct {
	Name      string `json:"name"`
	Arguments R      `json:"arguments,omitzero"`
	Meta      *struct {
		ProgressToken R `json:"progressToken,omitzero"`
	} `json:"_meta,omitzero"`
}

type plainCallToolResult[R any] struct {
	Content []struct {
		Type     string `json:"type"`
		Text     string `json:"text,omitzero"`
		Data     string `json:"data,omitzero"`
		MIMEType string `json:"mimeType,omitzero"`
	} `json:"content"`
	StructuredContent R    `json:"structuredContent,omitzero"`
	IsError           bool `json:"isError,omitzero"`
}

type plainReadResourceResult struct {
	Contents []struct {
		URI      string `json:"uri"`
		MIMEType string `json:"mimeType,omitzero"`
		Text     string `json:"text,omitzero"`
		Blob     string `json:"blob,omitzero"`
	} `json:"contents"`
}

type plainProgressParams[R any] struct {
	ProgressToken R        `json:"progressToken"`
	Progress      float64  `json:"progress"`
	Total         *float64 `json:"total,omitzero"`
	Message       string   `json:"message,omitzero"`
}

// plain makes the values that a library decodes the samples into, in the order of samples.
func plain[R any]() []func() any {
	return []func() any{
		func() any { return new(plainInitializeParams[R]) },
		func() any { return new(plainInitializeResult[R]) },
		func() any { return new(plainListToolsResult[R]) },
		func() any { return new(plainCallToolParams[R]) },
		func() any { return new(plainCallToolResult[R]) },
		func() any { return new(plainCallToolResult[R]) },
		func() any { return new(plainReadResourceResult) },
		func() any { return new(plainProgressParams[R]) },
	}
}
