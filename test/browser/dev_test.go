package browser

import (
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func TestDev(t *testing.T) {
	t.Chdir("../..")
	b := newBrowser(t)
	b.open("http://127.0.0.1:18099/", 1440, 900, "light")
	p := page{b, kubernetes.NewForConfigOrDie(&rest.Config{Host: "http://127.0.0.1:18098", ContentConfig: rest.ContentConfig{ContentType: "application/json"}}), "nowhere", new(string)}
	p.run(t)
}
