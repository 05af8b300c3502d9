// Package awslocal is a cloud on one machine, for tests and for trying the lake
// out: emulators that other projects keep (moto, kinesalite), started here at
// pinned versions, and emulators of what those leave out. It listens on
// 127.0.0.1 only, takes no credentials of the real world and reaches nothing
// outside of this machine.
//
// Every emulator says in its comment what of AWS it keeps, according to AWS's
// documentation, and what it leaves out.
package awslocal
