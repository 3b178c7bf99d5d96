package expression

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	// A zone must mean the same wherever a filter runs, and the image of the
	// gateway has no zone files.
	_ "time/tzdata"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// zones caches the time zones of expressions, as in
// occurred.getHours("Europe/Berlin"). cel-go loads the zone on each call, which
// takes ten times as long as the rest of an expression. Only zones that exist are
// cached, which are a few hundred.
type zones struct {
	byName sync.Map // string to *time.Location
}

var errLocal = errors.New("zone Local is that of the machine, and a filter must mean the same everywhere")

// location returns the zone with an IANA name.
func (z *zones) location(name string) (*time.Location, error) {
	if known, ok := z.byName.Load(name); ok {
		return known.(*time.Location), nil
	}
	if name == "Local" {
		return nil, errLocal
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		return nil, err
	}
	z.byName.Store(name, location)
	return location, nil
}

// functions replaces the standard functions that read a timestamp in a zone, with
// the same names and types.
func (z *zones) functions() []cel.EnvOption {
	var options []cel.EnvOption
	for function, overload := range zonedFunctions() {
		options = append(options, cel.Function(function, cel.MemberOverload(overload,
			[]*cel.Type{cel.TimestampType, cel.StringType}, cel.IntType,
			cel.BinaryBinding(func(timestamp, zone ref.Val) ref.Val { return z.read(function, overload, timestamp, zone) }))))
	}
	return options
}

// zonedFunctions returns the functions that read a timestamp in a zone, by name,
// with the ID of the overload.
func zonedFunctions() map[string]string {
	return map[string]string{
		overloads.TimeGetFullYear:     overloads.TimestampToYearWithTz,
		overloads.TimeGetMonth:        overloads.TimestampToMonthWithTz,
		overloads.TimeGetDayOfYear:    overloads.TimestampToDayOfYearWithTz,
		overloads.TimeGetDayOfMonth:   overloads.TimestampToDayOfMonthZeroBasedWithTz,
		overloads.TimeGetDate:         overloads.TimestampToDayOfMonthOneBasedWithTz,
		overloads.TimeGetDayOfWeek:    overloads.TimestampToDayOfWeekWithTz,
		overloads.TimeGetHours:        overloads.TimestampToHoursWithTz,
		overloads.TimeGetMinutes:      overloads.TimestampToMinutesWithTz,
		overloads.TimeGetSeconds:      overloads.TimestampToSecondsWithTz,
		overloads.TimeGetMilliseconds: overloads.TimestampToMillisecondsWithTz,
	}
}

// check returns what is wrong with a zone.
func (z *zones) check(function, overload, zone string) error {
	err, failed := z.read(function, overload, types.Timestamp{Time: time.Unix(0, 0).UTC()}, types.String(zone)).(*types.Err)
	if failed {
		return fmt.Errorf(`not a time zone: %w; write a name such as "Europe/Berlin", or an offset such as "+02:00"`, err)
	}
	return nil
}

// read calls a function on a timestamp in a zone. An offset such as "+05:30" is
// left to cel-go, because it need not be loaded.
func (z *zones) read(function, overload string, timestamp, zone ref.Val) ref.Val {
	t, isTime := timestamp.(types.Timestamp)
	name, isText := zone.(types.String)
	if !isTime || !isText {
		return types.MaybeNoSuchOverloadErr(zone)
	}
	if strings.Contains(string(name), ":") {
		return t.Receive(function, overload, []ref.Val{zone})
	}
	location, err := z.location(string(name))
	if err != nil {
		return types.NewErrFromString(err.Error())
	}
	return types.Timestamp{Time: t.In(location)}.Receive(function, overload, nil)
}
