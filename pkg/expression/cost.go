package expression

import (
	"math"
	"strconv"

	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
)

// CostLimit is what one evaluation may cost at most, in CEL's own units:
// about one for each step, and one for each ten characters looked at. It is
// a tenth of what Kubernetes grants an admission expression (PerCallLimit in
// k8s.io/apiserver/pkg/apis/cel), since Events come in thousands. Where the
// limit is met the evaluation stops and counts as failed, and it cannot be
// outrun: every step of a loop and every function call is charged.
const CostLimit = 100_000

// What an Event's values measure at most, for the estimate of a cost before
// any Event is seen. They are bounds on what is usual, not on what can be:
// where an Event goes beyond them, CostLimit still holds.
const (
	// maxMessage is NoteLengthLimit of k8s.io/kubernetes/pkg/apis/core/validation,
	// the longest message events.k8s.io/v1 admits.
	maxMessage = 1024
	// maxName is the longest name of a Kubernetes object, DNS1123SubdomainMaxLength
	// of k8s.io/apimachinery/pkg/util/validation.
	maxName = 253
	// maxEntries is how many labels, annotations or owners an Event is reckoned
	// to have. Most have none.
	maxEntries = 32
)

// sizes tells cel-go's estimator how large an Event's values get.
type sizes struct{}

// EstimateSize returns the size of a value that comes from a variable, and nil
// for what the estimator can work out by itself.
func (sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	path := node.Path()
	if len(path) == 0 {
		return nil
	}
	limit := uint64(maxName)
	switch {
	case node.Type().Kind() == types.ListKind || node.Type().Kind() == types.MapKind:
		limit = maxEntries
	case path[len(path)-1] == "message", path[len(path)-1] == "@values":
		limit = maxMessage
	}
	return &cost.SizeEstimate{Min: 0, Max: limit}
}

// EstimateCallCost returns nil: cel-go's own prices for functions are right.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// formatCost writes a cost, and says "without bound" for one that overflowed.
func formatCost(units uint64) string {
	if units == math.MaxUint64 {
		return "without bound"
	}
	return strconv.FormatUint(units, 10)
}
