package transform

// Transformer reads the events of the sources that share one mapping. It never
// changes, so any number of goroutines may use it at once, each through its
// own Scanner.
type Transformer struct {
	m              Mapping
	tree           *tree
	defaultType    []byte
	defaultSubtype []byte
}

// New prepares a mapping. The error joins every problem of it, each one
// lake.ErrInvalid with a hint.
func New(m Mapping) (*Transformer, error) {
	if err := m.validate(); err != nil {
		return nil, err
	}
	return &Transformer{
		m:              m,
		tree:           newTree(&m),
		defaultType:    []byte(m.DefaultType),
		defaultSubtype: []byte(m.DefaultSubtype),
	}, nil
}

// Scanner returns the scratch memory that one goroutine needs to scan. It
// grows with the largest event seen, to a few times lake.MaxEvent at most.
func (t *Transformer) Scanner() *Scanner {
	return &Scanner{t: t, names: make([]*names, knownNames)}
}
