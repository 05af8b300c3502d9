// Package pool answers SQL in processes of its own: a query.Answerer whose
// statements can be ended at any moment and cannot take more memory than they
// may, whatever the engine does. Each process answers one statement at a time.
//
//   - Memory: a process limits itself, once it is ready, to what it has then, its
//     part and an allowance. On Linux the kernel refuses it more (RLIMIT_DATA),
//     which an engine mostly turns into an error of the statement; everywhere the
//     process looks at what it uses while it works, and ends itself beyond it.
//     Should the machine run out of memory nevertheless, Linux takes such a
//     process first (oom_score_adj).
//   - Time: when the context of a statement ends the process is told so; if it
//     still works a moment later it is killed, and the caller does not wait.
//   - Life: a process ends when its standard input does, so none outlives its
//     lake, however that ends. One that died is replaced by a new one.
//
// The two sides talk in frames over the process's standard input and output;
// what it logs (JSON lines) comes over standard error.
package pool
