package main

import (
	"cmp"
	"slices"
)

// pair is one measurement of the gateway and one of the bare client.
type pair struct{ gateway, bare float64 }

// medianOf measures gateway and bare client in turn and returns the pair with
// the median ratio, because the load of the machine changes more between two pairs
// than within one.
func (b *bench) medianOf(gateway, bare func() (float64, error)) (pair, error) {
	var pairs []pair
	for range b.scale.Repeats {
		var p pair
		var err error
		if p.gateway, err = gateway(); err != nil {
			return pair{}, err
		}
		if p.bare, err = bare(); err != nil {
			return pair{}, err
		}
		pairs = append(pairs, p)
	}
	slices.SortFunc(pairs, func(x, y pair) int { return cmp.Compare(x.gateway/x.bare, y.gateway/y.bare) })
	return pairs[len(pairs)/2], nil
}
