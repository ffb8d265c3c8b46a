package serverauth

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// from asks with a token from an address.
func from(t *testing.T, h http.Handler, address, token string) *httptest.ResponseRecorder {
	q := httptest.NewRequest(http.MethodPost, resourceURL, nil)
	q.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(address), 1234).String()
	if token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	return send(t, h, q)
}

// outcome is a verifier for which the token says what comes of it.
var outcome = VerifierFunc(func(_ context.Context, c Credential) (Identity, error) {
	if c.Token == "valid" {
		return Identity{Issuer: "x:", Subject: "ada"}, nil
	}
	return Identity{}, Refuse(map[Secret]Reason{"forged": ReasonForged, "unknown": ReasonUnknown, "expired": ReasonExpired}[c.Token], "no", nil)
})

func TestGuessesAreLimitedByAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := protect(outcome, Resource(resourceURL))
		for i := range 10 {
			require.Equal(t, 401, from(t, h, "192.0.2.1", []string{"forged", "unknown", "b a d"}[i%3]).Code)
		}
		rec := from(t, h, "192.0.2.1", "forged")
		require.Equal(t, 429, rec.Code)
		require.Equal(t, "300", rec.Header().Get("Retry-After"))
		require.Empty(t, rec.Header().Get("WWW-Authenticate"))
		// A valid token always passes; what is missing or has expired is told as ever; others are not affected.
		require.Equal(t, 204, from(t, h, "192.0.2.1", "valid").Code)
		require.Equal(t, 401, from(t, h, "192.0.2.1", "expired").Code)
		require.Equal(t, 401, from(t, h, "192.0.2.1", "").Code)
		require.Equal(t, 401, from(t, h, "192.0.2.2", "forged").Code)
		time.Sleep(5*time.Minute - time.Second)
		rec = from(t, h, "192.0.2.1", "unknown")
		require.Equal(t, 429, rec.Code)
		require.Equal(t, "1", rec.Header().Get("Retry-After"))
		time.Sleep(time.Second)
		require.Equal(t, 401, from(t, h, "192.0.2.1", "unknown").Code)
	})
}

func TestGuessesBelowTheRateGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := protect(outcome, Resource(resourceURL))
		for range 100 {
			require.Equal(t, 401, from(t, h, "192.0.2.1", "forged").Code)
			time.Sleep(100 * time.Millisecond)
		}
		for range 1000 {
			require.Equal(t, 401, from(t, h, "192.0.2.1", "expired").Code, "it is no guess")
		}
	})
}

func TestGuessesForOneClientFromManyAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		token := func(client string, i int) string {
			return part(t, m{"alg": "ES256"}) + "." + part(t, m{"client_id": client, "i": i}) + ".AAAA"
		}
		never := VerifierFunc(func(context.Context, Credential) (Identity, error) {
			return Identity{}, Refuse(ReasonForged, "no", nil)
		})
		h, _ := protect(never, Resource(resourceURL))
		for i := range 10 {
			require.Equal(t, 401, from(t, h, fmt.Sprintf("192.0.2.%d", i+1), token("app", i)).Code)
		}
		require.Equal(t, 429, from(t, h, "192.0.2.99", token("app", 99)).Code)
		require.Equal(t, 401, from(t, h, "192.0.2.98", token("other", 99)).Code)
		require.Equal(t, 429, from(t, h, "192.0.2.99", token("other", 99)).Code, "the address is shut out")
	})
}

func TestAddressesOfIPv6CountByTheirNetwork(t *testing.T) {
	require.Equal(t, addressKey(netip.MustParseAddr("2001:db8::1")), addressKey(netip.MustParseAddr("2001:db8::ffff:1%eth0")))
	require.NotEqual(t, addressKey(netip.MustParseAddr("2001:db8::1")), addressKey(netip.MustParseAddr("2001:db8:0:1::1")))
	require.Equal(t, addressKey(netip.MustParseAddr("192.0.2.1")), addressKey(netip.MustParseAddr("::ffff:192.0.2.1")))
}

func TestLimitsOfGuessesCanBeChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := protect(outcome, Resource(resourceURL, LimitGuesses(GuessLimits{Rate: 1, Block: time.Minute})))
		require.Equal(t, 401, from(t, h, "192.0.2.1", "forged").Code)
		require.Equal(t, 429, from(t, h, "192.0.2.1", "forged").Code)
		time.Sleep(time.Minute)
		require.Equal(t, 401, from(t, h, "192.0.2.1", "forged").Code)

		h, _ = protect(outcome, Resource(resourceURL, LimitGuesses(GuessLimits{Rate: -1})))
		for range 1000 {
			require.Equal(t, 401, from(t, h, "192.0.2.1", "forged").Code)
		}

		h, _ = protect(outcome, Resource(resourceURL, LimitGuesses(GuessLimits{Rate: 1, Block: -1})))
		require.Equal(t, 401, from(t, h, "192.0.2.1", "forged").Code)
		require.Equal(t, 429, from(t, h, "192.0.2.1", "forged").Code)
		time.Sleep(time.Second)
		require.Equal(t, 401, from(t, h, "192.0.2.1", "forged").Code, "only those beyond the rate")
	})
}

func TestOnlySoManyAddressesAreRemembered(t *testing.T) {
	r := Resource(resourceURL, LimitGuesses(GuessLimits{Addresses: 3, Rate: 1}))
	h, _ := protect(outcome, r)
	for i := range 10 {
		from(t, h, fmt.Sprintf("192.0.2.%d", i+1), "forged")
		from(t, h, fmt.Sprintf("192.0.2.%d", i+1), "forged")
	}
	require.Equal(t, 3, r.Stats().Guessers)
	require.Equal(t, 3, r.Stats().Blocked)
	require.Len(t, r.guesses.known, 3)
}

func TestTheAddressMayComeFromAProxy(t *testing.T) {
	h, _ := protect(outcome, Resource(resourceURL, LimitGuesses(GuessLimits{Rate: 1}), AddressOf(func(q *http.Request) netip.Addr {
		return netip.MustParseAddr(q.Header.Get("X-Real-Ip"))
	})))
	for _, address := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"} {
		require.Equal(t, 401, ask(t, h, http.MethodPost, resourceURL, "Authorization", "Bearer forged", "X-Real-Ip", address).Code)
	}
	require.Equal(t, 429, ask(t, h, http.MethodPost, resourceURL, "Authorization", "Bearer forged", "X-Real-Ip", "192.0.2.2").Code)
}
