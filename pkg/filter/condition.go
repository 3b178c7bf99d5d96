package filter

// anyOf is a text condition: it holds when any of its globs matches. An empty
// one always holds.
type anyOf []glob

// conditions holds one text condition for each fact.
type conditions [factCount]anyOf

// conditionsOf compiles text conditions.
func conditionsOf(c *Except) conditions {
	return conditions{
		factNamespace: newAnyOf(c.Namespace...),
		factScope:     newAnyOf(string(c.Scope)),
		factKind:      newAnyOf(c.Kind...),
		factReason:    newAnyOf(c.Reasons...),
		factName:      newAnyOf(c.Name...),
		factType:      newAnyOf(c.Type...),
		factComponent: newAnyOf(c.Component...),
	}
}

// open reports whether every condition of c always holds.
func (c *conditions) open() bool {
	for _, condition := range c {
		if len(condition) > 0 {
			return false
		}
	}
	return true
}

// newAnyOf compiles globs. One that matches anything makes the whole condition
// hold always; an empty one is a key that was not set.
func newAnyOf(texts ...string) anyOf {
	var globs anyOf
	for _, text := range texts {
		if text == "" {
			continue
		}
		g := newGlob(text)
		if g.form == anything {
			return nil
		}
		globs = append(globs, g)
	}
	return globs
}

// matches reports whether the condition holds for value.
func (c anyOf) matches(value string) bool {
	if len(c) == 0 {
		return true
	}
	for _, g := range c {
		if g.matches(value) {
			return true
		}
	}
	return false
}

// covers reports whether c provably holds wherever other does.
func (c anyOf) covers(other anyOf) bool {
	if len(c) == 0 {
		return true
	}
	if len(other) == 0 {
		return false
	}
	for _, o := range other {
		if !c.coversGlob(o) {
			return false
		}
	}
	return true
}

// coversGlob reports whether one of c's globs covers g.
func (c anyOf) coversGlob(g glob) bool {
	for _, own := range c {
		if own.covers(g) {
			return true
		}
	}
	return false
}

// implied returns c with what it says of the scope through its namespace: a
// namespace that cannot be empty is that of a namespaced object.
func (c *conditions) implied() conditions {
	out := *c
	if namespace := c[factNamespace]; len(namespace) > 0 && !namespace.matches("") {
		out[factScope] = newAnyOf(string(NamespacedScope))
	}
	return out
}

// exactly returns the only value for which c holds, and false where there may
// be more than one.
func (c anyOf) exactly() (string, bool) {
	if len(c) == 0 {
		return "", false
	}
	for _, g := range c {
		if g.form != exact || g.text != c[0].text {
			return "", false
		}
	}
	return c[0].text, true
}

// covers reports whether every condition of c provably holds wherever those of
// other do.
func (c *conditions) covers(other *conditions) bool {
	for f := range c {
		if !c[f].covers(other[f]) {
			return false
		}
	}
	return true
}
