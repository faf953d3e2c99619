package main

import (
	"log"
	"syscall"
)

// wantedFiles is enough for 10,000 clients on one side of a process and 10,000
// fetches on the other, and for the 20,000 connections of an upstream.
const wantedFiles = 1 << 16

// raiseFileLimit lets this process and its children have as many files open as they
// may, beyond the hard limit where we have the right to.
func raiseFileLimit() {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		log.Print("limit of open files: ", err)
		return
	}
	raised := syscall.Rlimit{Cur: max(limit.Cur, wantedFiles), Max: max(limit.Max, wantedFiles)}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised) == nil {
		return
	}
	// Set even where nothing changes: children get the limit from before the start of
	// a Go program, unless it sets one itself.
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		log.Print("limit of open files: ", err)
	}
	if limit.Max < wantedFiles/4 {
		log.Printf("only %d files can be open at once: rows with 10,000 connections may fail (ulimit -Hn)", limit.Max)
	}
}
