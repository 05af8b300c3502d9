package shred

import (
	"strconv"

	"github.com/eventlake/lake/raw"
)

// The system columns by index; lake.SystemColumns has them in this order.
const (
	sysID = iota
	sysType
	sysSubtype
	sysCreated
	sysReceived
	sysSource
	sysShard
	sysPosition
	systemColumns
)

func (s *Shredder) addSystem(f *raw.Fields) {
	c := &s.system
	c[sysID].Fixed = append(c[sysID].Fixed, f.ID[:]...)
	c[sysType].AddString(f.Type)
	c[sysSubtype].AddString(f.Subtype)
	c[sysCreated].Ints = append(c[sysCreated].Ints, int64(f.Created))
	c[sysReceived].Ints = append(c[sysReceived].Ints, int64(f.Received))
	c[sysSource].Text = append(c[sysSource].Text, f.Source...)
	c[sysSource].EndString()
	c[sysShard].Text = append(c[sysShard].Text, f.Shard...)
	c[sysShard].EndString()
	if n, ok := f.Position.Uint64(); ok {
		c[sysPosition].Text = strconv.AppendUint(c[sysPosition].Text, n, 10)
	} else {
		c[sysPosition].Text = append(c[sysPosition].Text, f.Position.String()...)
	}
	c[sysPosition].EndString()
}

// Created returns created_datetime of each row, in microseconds.
func (s *Shredder) Created() []int64 { return s.system[sysCreated].Ints }
