package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// The daemon and the API server are near each other, so compression costs both
// more than it saves.
func TestDaemonAsksForNoCompression(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var once sync.Once
	var asked http.Header
	api := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		once.Do(func() {
			asked = r.Header.Clone()
			stop()
		})
		http.NotFound(w, r)
	}))
	defer api.Close()
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	cluster := clientcmdapi.NewConfig()
	cluster.Clusters["here"] = &clientcmdapi.Cluster{Server: api.URL, InsecureSkipTLSVerify: true}
	cluster.Contexts["here"] = &clientcmdapi.Context{Cluster: "here"}
	cluster.CurrentContext = "here"
	if err := clientcmd.WriteToFile(*cluster, kubeconfig); err != nil {
		t.Fatal(err)
	}
	daemon := newRootCommand()
	daemon.SetErr(io.Discard)
	daemon.SetArgs([]string{"--kubeconfig", kubeconfig, "--listen", "", "--ui-listen", ""})
	if err := daemon.ExecuteContext(ctx); err != nil {
		t.Fatal(err)
	}
	if encoding := asked.Get("Accept-Encoding"); asked == nil || encoding != "" {
		t.Errorf("the first request has the headers %v, want none for Accept-Encoding", asked)
	}
}
