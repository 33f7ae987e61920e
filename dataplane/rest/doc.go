// Package rest is what the HTTP interfaces of cloudsvc and of the mapper have
// in common: how they are served, how a body is read, how one or many messages
// in it are decoded, and how an error is told.
//
// An error becomes an answer by a table of Kinds, which its owner keeps: each
// kind is a type of problem details (RFC 9457) with its status. What is wrong
// with what a caller gave is an *InvalidError, and lists everything at once.
package rest
