package column

// Stub turns the chunk of leaf o into one of leaf l without any value: l is
// null in every instance of the node, which both lie under.
func (c *Chunk) Stub(o, l *Leaf, node Node) {
	out := 0
	for i := range c.Slots {
		if o.MaxRep > 0 && c.Rep[i] > node.Rep {
			continue // a further element of a list below the node
		}
		if o.MaxRep > 0 {
			c.Rep[out] = c.Rep[i]
		}
		if o.MaxDef > 0 {
			c.Def[out] = min(c.Def[i], node.Def)
		}
		out++
	}
	c.Slots = out
	c.Values.Reset()
	c.Def = c.Def[:min(out, len(c.Def))]
	switch {
	case l.MaxRep == 0:
		c.Rep = c.Rep[:0]
	case o.MaxRep == 0:
		c.Rep = append(c.Rep[:0], make([]byte, out)...)
	default:
		c.Rep = c.Rep[:out]
	}
}
