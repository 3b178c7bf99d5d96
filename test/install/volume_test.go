package install

import (
	"maps"
	"os"
	"path/filepath"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// sync updates the mounts of changed ConfigMaps, as a kubelet does within a minute or
// two.
func (c *container) sync() {
	c.tb.Helper()
	for _, m := range c.spec.VolumeMounts {
		if v := c.volume(m.Name); v.ConfigMap != nil {
			c.mount(m, c.content(v))
		}
	}
}

// volume returns a volume of the pod.
func (c *container) volume(name string) *corev1.Volume {
	c.tb.Helper()
	for i := range c.pod.Spec.Volumes {
		if c.pod.Spec.Volumes[i].Name == name {
			return &c.pod.Spec.Volumes[i]
		}
	}
	c.tb.Fatalf("pod %s has no volume %s", c.pod.Name, name)
	return nil
}

// content returns the files of a volume.
func (c *container) content(v *corev1.Volume) map[string][]byte {
	c.tb.Helper()
	files := map[string][]byte{}
	switch {
	case v.ConfigMap != nil:
		maps.Copy(files, c.configMap(v.ConfigMap.Name, v.ConfigMap.Items))
	case v.Projected != nil:
		for _, source := range v.Projected.Sources {
			switch {
			case source.ConfigMap != nil:
				maps.Copy(files, c.configMap(source.ConfigMap.Name, source.ConfigMap.Items))
			case source.ServiceAccountToken != nil:
				files[source.ServiceAccountToken.Path] = c.token(source.ServiceAccountToken)
			case source.DownwardAPI != nil:
				for _, item := range source.DownwardAPI.Items {
					files[item.Path] = []byte(c.field(item.FieldRef))
				}
			default:
				c.tb.Fatalf("cannot implement a source of volume %s: %v", v.Name, source)
			}
		}
	default:
		c.tb.Fatalf("cannot implement volume %s: %v", v.Name, v.VolumeSource)
	}
	return files
}

// configMap returns the files of a ConfigMap: the items, or all where there
// are none.
func (c *container) configMap(name string, items []corev1.KeyToPath) map[string][]byte {
	c.tb.Helper()
	object, err := plane.Client().CoreV1().ConfigMaps(c.pod.Namespace).Get(c.tb.Context(), name, metav1.GetOptions{})
	c.must(err)
	if len(items) == 0 {
		for key := range object.Data {
			items = append(items, corev1.KeyToPath{Key: key, Path: key})
		}
	}
	files := map[string][]byte{}
	for _, item := range items {
		files[item.Path] = []byte(object.Data[item.Key])
	}
	return files
}

// token returns a token of the pod's ServiceAccount that is bound to the pod.
func (c *container) token(p *corev1.ServiceAccountTokenProjection) []byte {
	c.tb.Helper()
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: p.ExpirationSeconds,
		BoundObjectRef:    &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: c.pod.Name, UID: c.pod.UID},
	}}
	accounts := plane.Client().CoreV1().ServiceAccounts(c.pod.Namespace)
	request, err := accounts.CreateToken(c.tb.Context(), c.pod.Spec.ServiceAccountName, request, metav1.CreateOptions{})
	c.must(err)
	return []byte(request.Status.Token)
}

// mount writes files to where the container mounts them, as the kubelet does
// (k8s.io/kubernetes/pkg/volume/util, AtomicWriter): each file is a symlink
// into ..data, which is a symlink that is swapped as a whole.
func (c *container) mount(m corev1.VolumeMount, files map[string][]byte) {
	c.tb.Helper()
	if m.SubPath != "" || m.SubPathExpr != "" {
		c.tb.Fatalf("cannot implement the mount of a part of volume %s", m.Name)
	}
	dir := filepath.Join(c.root, m.MountPath)
	c.must(os.MkdirAll(dir, 0o700))
	version, err := os.MkdirTemp(dir, "..version-")
	c.must(err)
	for name, content := range files {
		c.must(os.WriteFile(filepath.Join(version, name), content, 0o600))
	}
	data, next := filepath.Join(dir, "..data"), filepath.Join(dir, "..data_tmp")
	before, _ := os.Readlink(data) // empty at the first time
	c.must(os.Symlink(filepath.Base(version), next))
	c.must(os.Rename(next, data))
	for name := range files {
		if _, err := os.Lstat(filepath.Join(dir, name)); os.IsNotExist(err) {
			c.must(os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
		}
	}
	if before != "" {
		c.must(os.RemoveAll(filepath.Join(dir, before)))
	}
}
