package cloudsvc

// missed is the shelves of which a subscriber was told that blocks are gone. As
// limits take the oldest, there is no other of that shelf up to the next that is
// found: between those of other shelves it is not told again.
type missed map[uint32]struct{}

// add adds a shelf, and tells whether it was not there.
func (m *missed) add(shelf uint32) bool {
	if *m == nil {
		*m = make(missed)
	}
	_, told := (*m)[shelf]
	(*m)[shelf] = struct{}{}
	return !told
}

// found takes out the shelf of a block that is there.
func (m missed) found(p *pastBlock) {
	if p.block != nil {
		delete(m, p.block.Shelf)
	}
}
