// Package doctor finds out why nothing arrives. It looks at everything from the
// mapper's config to cloudsvc, at the place where a mapper runs, and says of
// each thing how it is and what to do. It changes nothing: above all it does
// not register with EdgeCore, which would take the running mapper's place.
//
// What only the running mapper knows is asked of its GET /status.
package doctor
