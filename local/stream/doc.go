// Package stream is the embedded lake.Stream: a segmented log on the local
// disk, one directory a shard.
//
// # Files
//
//	stream.json                        shards and salt, fixed when the stream is made
//	ends.json                          how far the shards have come, as last noted
//	shard-000/00000000000000000001.log segments, named by their first position
//	consumers/NAME.json                positions of a named consumer
//
// A segment is a header of 64 bytes and then frames, little endian:
//
//	header: magic "LAKESEG1" | version u16 | flags u16 | shard u32 | first u64 |
//	        first of the segment before u64 | salt u64 | log time so far i64 |
//	        zeros | CRC32C of all before it u32
//	frame:  CRC32C u32 | length of the body u32 | 'L' 'F' version kind | records u32 |
//	        first position u64 | log time of the last record i64 |
//	        CRC32C of the head so far but its first 4 bytes u32 | zero u32 | body
//	body:   runs of records with one source and one log time:
//	        length of source uvarint | source | log time i64 | records uvarint |
//	        bytes of lengths uvarint | bytes of bodies uvarint |
//	        lengths uvarint each | ids 16 bytes each | bodies
//
// A frame's CRC covers everything after itself, the head's own one lets a reader
// trust a length before it has the body. Both start from the salt, so that no
// client can send a body that reads as a frame, or make the search for the next
// frame behind a damaged one slow. A frame of kind gap has no body: its positions
// were lost to damage, and Repair said so.
//
// # Durability
//
// One frame holds what was waiting for a shard when its writer got to it, and is
// written and synced on its own before the next one is begun. So every frame but
// the last of the last segment is known to be durable, and a crash can tear only
// that one. Open cuts a torn last frame and refuses (lake.ErrCorrupt) everything
// else that does not check. Then it writes the last frame anew, at the start of a
// segment of its own: after a failed fsync a frame can be readable from memory and
// missing on the disk, and nobody may read what could still vanish. A segment
// therefore ends where the next one begins; bytes behind that place do not count.
//
// A log that has lost its end looks like a shorter one, so ends.json holds how far
// it had come when the stream was opened or closed, and which segment was begun
// last. Open refuses a log that is shorter. What a process that was killed had
// written behind these places, in that segment, the log alone knows.
//
// Opening reads the headers of all segments and the whole last one of each
// shard. Frames of sealed segments are checked when they are read, by Check, or
// never.
package stream
