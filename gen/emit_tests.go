package main

func (e *emitter) propertyTestFile() error { return nil }
func (e *emitter) fuzzTestFile() error     { return nil }
