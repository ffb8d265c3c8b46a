package main

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/tenonmcp/tenon/server"
)

const (
	staticText   = "test://static-text"
	staticBinary = "test://static-binary"
	template     = "test://template/{id}/data"
	watched      = "test://watched-resource"
)

// addResources adds the resources and the template.
func addResources(s *server.Server, touched *atomic.Int64) {
	server.AddStaticResource(s, staticText, "static-text", "A text that never changes.",
		"This is the content of the static text resource.", server.Title("Static text"))

	server.AddStaticResource(s, staticBinary, "static-binary", "An image that never changes.",
		picture, server.MIMEType("image/png"), server.Icons(icon))

	server.AddResource(s, watched, "watched-resource", "A text that changes when the tool touch_resource is called.",
		func(context.Context) (string, error) {
			return fmt.Sprintf("Watched resource content, changed %d times.", touched.Load()), nil
		})

	server.AddResourceTemplate(s, template, "template", "An object for each id but 0.",
		func(_ context.Context, in templateVariables) (templateData, error) {
			if in.ID == "0" {
				return templateData{}, server.ErrResourceNotFound
			}
			return templateData{ID: in.ID, TemplateTest: true, Data: "Data for ID: " + in.ID}, nil
		}, server.CompleteFrom("id", "1", "12", "123"))
}

type templateVariables struct {
	ID string `json:"id"`
}

type templateData struct {
	ID           string `json:"id"`
	TemplateTest bool   `json:"templateTest"`
	Data         string `json:"data"`
}
