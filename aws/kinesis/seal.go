package kinesis

import (
	"encoding/binary"
	"fmt"
)

// partitionKey is the length of a record's own partition key, which counts as
// part of the record.
const partitionKey = 8

// seal makes the data of a record, compressed where that is wanted or needed.
func (s *Stream) seal(p *Packer) ([]byte, error) {
	data := p.AppendTo(make([]byte, 0, p.Size()))
	if !s.options.Compress && len(data)+partitionKey <= s.options.MaxRecord {
		return data, nil
	}
	encoder, err := s.zstd()
	if err != nil {
		return nil, fmt.Errorf("compress a record: %w", err)
	}
	if small := pad(encoder.EncodeAll(data, make([]byte, 0, len(data)/2)), len(data)); len(small) < len(data) {
		return small, nil
	}
	return data, nil
}

// pad appends a frame that zstd skips to what was compressed so well that a
// reader would take it for a bomb.
func pad(small []byte, size int) []byte {
	short := (size+maxRatio-1)/maxRatio - len(small)
	if size <= minExpanded || short <= 0 {
		return small
	}
	small = binary.LittleEndian.AppendUint32(small, 0x184d2a50)
	small = binary.LittleEndian.AppendUint32(small, uint32(short))
	return append(small, make([]byte, short)...)
}

// sealed makes the group's record, once.
func (s *Stream) sealed(g *group) (err error) {
	if g.packer == nil {
		return nil
	}
	p := g.packer
	g.packer = nil
	g.events, g.hash, g.key = p.Events(), p.HashKey(), p.PartitionKey()
	g.data, err = s.seal(p)
	if cap(p.records) <= 4*Unit*10 { // memory for odd ones is not kept
		p.Reset()
		s.packers.Put(p)
	}
	return err
}
