package simulation

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// codec writes answers in the media type that a request accepts: protobuf or
// JSON, and metadata alone as JSON.
type codec struct {
	info     runtime.SerializerInfo
	group    schema.GroupVersion
	metadata bool
}

// codecFor returns the codec of the answer to r.
func codecFor(r *http.Request, group schema.GroupVersion) codec {
	accept := r.Header.Get("Accept")
	media := runtime.ContentTypeJSON
	metadata := strings.Contains(accept, "as=PartialObjectMetadata")
	if !metadata && strings.HasPrefix(accept, runtime.ContentTypeProtobuf) {
		media = runtime.ContentTypeProtobuf
	}
	info, _ := runtime.SerializerInfoForMediaType(scheme.Codecs.SupportedMediaTypes(), media) // both always exist
	return codec{info: info, group: group, metadata: metadata}
}

// encode returns o in the codec's media type.
func (c codec) encode(o runtime.Object) ([]byte, error) {
	if c.metadata {
		if _, ok := o.(*metav1.Status); !ok {
			return json.Marshal(o)
		}
	}
	group := c.group
	if _, ok := o.(*metav1.Status); ok {
		group = schema.GroupVersion{Version: "v1"}
	}
	return runtime.Encode(scheme.Codecs.EncoderForVersion(c.info.Serializer, group), o)
}

// frame returns one event of a watch.
func (c codec) frame(event string, o runtime.Object) ([]byte, error) {
	raw, err := c.encode(o)
	if err != nil {
		return nil, err
	}
	w := &metav1.WatchEvent{Type: event, Object: runtime.RawExtension{Raw: raw}}
	var buffer bytes.Buffer
	if err := c.info.StreamSerializer.Encode(w, c.info.StreamSerializer.NewFrameWriter(&buffer)); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

// stream returns the media type of a watch.
func (c codec) stream() string {
	if c.info.MediaType == runtime.ContentTypeProtobuf {
		return runtime.ContentTypeProtobuf + ";stream=watch"
	}
	return runtime.ContentTypeJSON
}

// listOf returns objects as the list that a client expects.
func (c codec) listOf(resource string, objects []object, meta metav1.ListMeta) runtime.Object {
	if c.metadata {
		list := &metav1.PartialObjectMetadataList{ListMeta: meta}
		list.TypeMeta = metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "PartialObjectMetadataList"}
		for _, o := range objects {
			list.Items = append(list.Items, *metadataOf(o))
		}
		return list
	}
	switch resource {
	case events:
		return &corev1.EventList{ListMeta: meta, Items: items[corev1.Event](objects)}
	case pods:
		return &corev1.PodList{ListMeta: meta, Items: items[corev1.Pod](objects)}
	case secrets:
		return &corev1.SecretList{ListMeta: meta, Items: items[corev1.Secret](objects)}
	case configMaps:
		return &corev1.ConfigMapList{ListMeta: meta, Items: items[corev1.ConfigMap](objects)}
	default:
		return &coordinationv1.LeaseList{ListMeta: meta, Items: items[coordinationv1.Lease](objects)}
	}
}

// shape returns o as a client expects it.
func (c codec) shape(o object) runtime.Object {
	if c.metadata {
		return metadataOf(o)
	}
	return o
}

// bookmark returns an object that has only a version.
func (c codec) bookmark(resource, version string, last bool) runtime.Object {
	meta := metav1.ObjectMeta{ResourceVersion: version}
	if last {
		meta.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
	}
	switch {
	case c.metadata:
		return metadataOf(&corev1.Pod{ObjectMeta: meta})
	case resource == events:
		return &corev1.Event{ObjectMeta: meta}
	case resource == pods:
		return &corev1.Pod{ObjectMeta: meta}
	case resource == secrets:
		return &corev1.Secret{ObjectMeta: meta}
	case resource == configMaps:
		return &corev1.ConfigMap{ObjectMeta: meta}
	default:
		return &coordinationv1.Lease{ObjectMeta: meta}
	}
}

func items[T any, P interface {
	*T
	object
}](objects []object) []T {
	all := make([]T, 0, len(objects))
	for _, o := range objects {
		if p, ok := o.(P); ok {
			all = append(all, *p)
		}
	}
	return all
}

func metadataOf(o object) *metav1.PartialObjectMetadata {
	meta := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "PartialObjectMetadata"}}
	switch o := o.(type) {
	case *corev1.Pod:
		o.ObjectMeta.DeepCopyInto(&meta.ObjectMeta)
	case *corev1.Event:
		o.ObjectMeta.DeepCopyInto(&meta.ObjectMeta)
	case *corev1.ConfigMap:
		o.ObjectMeta.DeepCopyInto(&meta.ObjectMeta)
	case *corev1.Secret:
		o.ObjectMeta.DeepCopyInto(&meta.ObjectMeta)
	}
	return meta
}
