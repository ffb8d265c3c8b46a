package server

import (
	"context"
	"fmt"
)

// Once runs f, a side effect that must happen once for the call, and gives what it gives. The key is unique within the
// call, among all questions and side effects. In this revision of the protocol a handler runs once, and so does f; a
// later one may run handlers again with the answers of the client in place of waiting, and then f's result is kept. Put
// whatever must not be repeated, such as a payment, in a Once, and let f's result be something that JSON can hold.
func Once[T any](ctx context.Context, key string, f func(ctx context.Context) (T, error)) (T, error) {
	if err := claim(ctx, key); err != nil {
		var zero T
		return zero, fmt.Errorf("server.Once: %w", err)
	}
	return f(ctx)
}
