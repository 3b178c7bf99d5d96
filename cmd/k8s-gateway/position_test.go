package main

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/brigadecore/brigade-k8s-gateway/pkg/gateway"
)

func TestPosition(t *testing.T) {
	stored := map[string]string{"all-namespaces": "4711", "namespace.pequod": "0", "note": "mine"}
	tests := map[string]struct {
		do      func(*positionAt, context.Context, io.Writer) error
		data    map[string]string
		want    string
		wantErr string
		left    map[string]string
	}{
		"show": {
			do: (*positionAt).show, data: stored,
			want: "all namespaces: 4711\nnamespace pequod: nothing done yet\nthe cluster: 5000\n",
			left: stored,
		},
		"skip": {
			do: (*positionAt).skip, data: stored,
			want: "all namespaces: skipped to 5000\nnamespace pequod: skipped to 5000\n",
			left: map[string]string{"all-namespaces": "5000", "namespace.pequod": "5000", "note": "mine"},
		},
		"reset": {
			do: (*positionAt).reset, data: stored,
			want: "removed the position from ConfigMap brigade/position\n",
			left: map[string]string{"note": "mine"},
		},
		"nothing is stored": {
			do: (*positionAt).skip, data: map[string]string{},
			wantErr: "no position in ConfigMap brigade/position",
			left:    map[string]string{},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "brigade", Name: "position"}, Data: test.data}
			client := fake.NewClientset(object.DeepCopy())
			client.PrependReactor("list", "events", func(clienttesting.Action) (bool, runtime.Object, error) {
				return true, &corev1.EventList{ListMeta: metav1.ListMeta{ResourceVersion: "5000"}}, nil
			})
			at := &positionAt{core: client.CoreV1(), object: gateway.Object{Namespace: "brigade", Name: "position"}}
			var out bytes.Buffer
			err := test.do(at, t.Context(), &out)
			if message := errorText(err); message != test.wantErr {
				t.Errorf("got error %q, want %q", message, test.wantErr)
			}
			if diff := cmp.Diff(test.want, out.String()); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			left, err := client.CoreV1().ConfigMaps("brigade").Get(t.Context(), "position", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.left, left.Data); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
