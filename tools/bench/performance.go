package main

func writeDoc(settings, []racer, results) error { return nil }
