package expression

import (
	"math"
	"strconv"

	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
)

// CostLimit is the maximum cost of one evaluation, in units of CEL: about one for
// each step and one for each ten characters read. It is a tenth of the limit of
// an admission expression (PerCallLimit in k8s.io/apiserver/pkg/apis/cel),
// because there are thousands of Events. At the limit the evaluation stops with
// an error. Each step of a loop and each function call counts.
const CostLimit = 100_000

// The sizes of an Event's values that the cost estimate assumes when a list is
// compiled. An Event may exceed them, and CostLimit then still applies.
const (
	// maxMessage is NoteLengthLimit of k8s.io/kubernetes/pkg/apis/core/validation,
	// the longest message of events.k8s.io/v1.
	maxMessage = 1024
	// maxName is the longest name of a Kubernetes object, DNS1123SubdomainMaxLength
	// of k8s.io/apimachinery/pkg/util/validation.
	maxName = 253
	// maxEntries is the number of labels, annotations or owners. Most Events have
	// none.
	maxEntries = 32
)

// sizes gives cel-go's estimator the sizes of an Event's values.
type sizes struct{}

// EstimateSize returns the size of a value of a variable, and nil for values
// whose size the estimator computes.
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

// EstimateCallCost returns nil, which selects cel-go's costs of functions.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// formatCost returns a cost, or "without bound" if the estimate overflowed.
func formatCost(units uint64) string {
	if units == math.MaxUint64 {
		return "without bound"
	}
	return strconv.FormatUint(units, 10)
}
