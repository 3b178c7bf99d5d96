package simulation

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand" //nolint:depguard // what client-go draws its jitter from
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/klog/v2"
)

var (
	seed   = flag.Uint64("seed", 0, "simulate this seed alone, and show what happens")
	seeds  = flag.Uint64("seeds", 100, "simulate so many seeds, from 1 on")
	worker = flag.Bool("worker", false, "simulate the seeds that are read from the standard input; for TestSimulation itself")
)

// TestSimulation simulates seeds, as many at the same time as there are CPUs.
// Each is simulated in a process that does nothing else meanwhile, so that the result
// is the same alone and among others.
func TestSimulation(t *testing.T) {
	switch {
	case *worker:
		klog.SetLogger(logr.Discard())
		// client-go's own handler waits until a time that it took in another
		// bubble, whose clock began where that of the present one does.
		utilruntime.ErrorHandlers = nil //nolint:reassign // it is there to be replaced
		work(t, os.Stdin, os.Stdout)
	case *seed != 0:
		w := newWorker(t.Context(), t)
		defer w.end(t)
		passes, output := w.simulate(*seed)
		t.Logf("seed %d:\n%s", *seed, output)
		if !passes {
			t.Fail()
		}
	default:
		spread(t)
	}
}

// spread has the seeds simulated by workers, shows the first that fails, and
// names the others.
func spread(t *testing.T) {
	began, next := time.Now(), make(chan uint64)
	failed := map[uint64]string{}
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range runtime.NumCPU() {
		workers.Go(func() {
			w := newWorker(t.Context(), t)
			defer func() { w.end(t) }()
			for seed := range next {
				passes, output := w.simulate(seed)
				if passes {
					continue
				}
				mu.Lock()
				failed[seed] = output
				mu.Unlock()
				w.end(t) // whatever is left over in it
				w = newWorker(t.Context(), t)
			}
		})
	}
	for seed := uint64(1); seed <= *seeds; seed++ {
		next <- seed
	}
	close(next)
	workers.Wait()
	took := time.Since(began)
	t.Logf("%d seeds in %s, %.1f seeds per second", *seeds, took.Round(time.Second), float64(*seeds)/took.Seconds())
	numbers := slices.Sorted(func(yield func(uint64) bool) {
		for seed := range failed {
			if !yield(seed) {
				return
			}
		}
	})
	for i, seed := range numbers {
		if i == 0 {
			t.Logf("seed %d:\n%s", seed, failed[seed])
		}
		first, _, _ := strings.Cut(failed[seed], "\n")
		t.Errorf("seed %d: %s; make simulate SEED=%d shows it", seed, first, seed)
	}
}

// work simulates the seeds that it reads, one after the other. For each it writes the
// faults and the trace, if there are faults, and then whether it passed.
func work(t *testing.T, in io.Reader, out io.Writer) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		text, always := strings.CutPrefix(lines.Text(), "show ")
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		faults, happened := simulate(t, seed)
		for _, f := range faults {
			fmt.Fprintln(out, f)
		}
		if always || len(faults) > 0 {
			fmt.Fprintln(out, happened)
		}
		fmt.Fprintf(out, "seed %d: %t\n", seed, len(faults) == 0)
	}
}

// simulate runs one seed in a bubble. A goroutine that does not end is a fault like
// others.
func simulate(t *testing.T, seed uint64) (faults []string, happened *trace) {
	t.Helper()
	happened = &trace{}
	defer func() {
		if p := recover(); p != nil {
			faults = append(faults, fmt.Sprintf("%v\n%s", p, bubbled()))
		}
	}()
	rand.Seed(int64(seed)) //nolint:staticcheck // client-go draws from the global source
	synctest.Test(t, func(*testing.T) { faults = run(newPlan(seed), happened) })
	return faults, happened
}

// bubbled returns the stacks of the remaining goroutines of a bubble.
func bubbled() string {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var left []string
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(stack, "synctest bubble") {
			left = append(left, stack)
		}
	}
	return strings.Join(left, "\n\n")
}

// workerProcess simulates seeds in a process of its own.
type workerProcess struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	stderr  bytes.Buffer
}

func newWorker(ctx context.Context, t *testing.T) *workerProcess {
	t.Helper()
	w := &workerProcess{command: exec.CommandContext(ctx, os.Args[0], "-test.run=^TestSimulation$", "-test.timeout=0", "-worker")}
	// Settings that make the order of goroutines depend less on the machine.
	w.command.Env = append(os.Environ(), "GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1")
	w.command.Stderr = &w.stderr
	in, err := w.command.StdinPipe()
	if err != nil {
		t.Error(err)
	}
	out, err := w.command.StdoutPipe()
	if err != nil {
		t.Error(err)
	}
	w.in, w.out = in, bufio.NewScanner(out)
	w.out.Buffer(nil, 1<<24)
	if err := w.command.Start(); err != nil {
		t.Error(err)
	}
	return w
}

// simulate has a worker simulate one seed. It reports whether it passed, and returns
// the worker's output.
func (w *workerProcess) simulate(number uint64) (passes bool, output string) {
	show := ""
	if *seed != 0 {
		show = "show "
	}
	fmt.Fprintf(w.in, "%s%d\n", show, number)
	var text strings.Builder
	for w.out.Scan() {
		if verdict, last := strings.CutPrefix(w.out.Text(), fmt.Sprintf("seed %d: ", number)); last {
			return verdict == "true", text.String()
		}
		text.WriteString(w.out.Text() + "\n")
	}
	_ = w.command.Wait() // it died: what it said last is why
	return false, text.String() + w.stderr.String()
}

// end ends the worker.
func (w *workerProcess) end(t *testing.T) {
	t.Helper()
	_ = w.in.Close()
	_ = w.command.Wait() // it fails where a seed did
}
