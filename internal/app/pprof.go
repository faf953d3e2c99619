package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/pprof"
)

// profiles serves what net/http/pprof does but for the command line, which may hold keys. It is
// on a mux of its own: the package puts itself on the default one, which nobody serves here.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/debug/pprof/cmdline", http.NotFound)
	return mux
}

// serveProfiles serves them where --pprof-listen says; nil without it.
func serveProfiles(ctx context.Context, o *Common, log *slog.Logger) (*sideServer, error) {
	s, err := newSideServer(ctx, "--pprof-listen", o.PprofListen, profiles(), log)
	if err != nil || s == nil {
		return s, err
	}
	if err := privateAddress("--pprof-listen", s.listener.Addr().String()); err != nil { // a name may lead anywhere
		s.Close()
		return nil, err
	}
	log.InfoContext(ctx, "profiles are served", "at", s.url()+"/debug/pprof/")
	return s, nil
}

// privateAddress refuses an address that other machines reach.
func privateAddress(flag, address string) error {
	if address == "" || loopback(address) {
		return nil
	}
	return fmt.Errorf("%s %s can be reached from other machines, and profiles are for nobody there; "+
		"listen on 127.0.0.1, and come through an SSH tunnel or kubectl port-forward", flag, address)
}
