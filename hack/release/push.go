package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/ko/pkg/publish"
)

// chartDigest is the name of the file with the digest of the pushed chart, which is
// signed. The digest is another one at each push, because Helm adds the time.
const chartDigest = "chart-digest.txt"

// pushImage pushes the image under its version.
func pushImage(ctx context.Context, o options, built *image) error {
	publisher, err := publish.NewDefault(o.push+"/"+imageName,
		publish.WithNamer(func(base, _ string) string { return base }),
		publish.WithTags([]string{o.version}),
		publish.WithAuthFromKeychain(authn.DefaultKeychain),
	)
	if err != nil {
		return err
	}
	reference, err := publisher.Publish(ctx, built.result, module+"/cmd/"+command)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "pushed", reference)
	return publisher.Close()
}

// pushChart pushes the chart as an OCI artifact with helm, below charts/, and writes
// its digest to <out>/chart-digest.txt. The arguments are more flags of helm push.
func pushChart(ctx context.Context, o options, args ...string) error {
	chart := filepath.Join(o.out, imageName+"-"+chartVersion(o.version)+".tgz")
	cmd := exec.CommandContext(ctx, o.helm, append([]string{"push", chart, "oci://" + o.push + "/charts"}, args...)...)
	printed, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, printed)
	}
	digest := regexp.MustCompile(`(?m)^Digest: (sha256:[0-9a-f]{64})$`).FindSubmatch(printed)
	if digest == nil {
		return fmt.Errorf("helm push printed no digest: %s", printed)
	}
	fmt.Fprintf(os.Stderr, "pushed %s/charts/%s:%s@%s\n", o.push, imageName, chartVersion(o.version), digest[1])
	return os.WriteFile(filepath.Join(o.out, chartDigest), append(digest[1], '\n'), 0o644)
}
