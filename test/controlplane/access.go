package controlplane

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// tokenLifetime is the default lifetime of tokens.
const tokenLifetime = 12 * time.Hour

// CreateNamespace creates a namespace if it does not exist, and returns when pods can
// be created in it.
func (cp *ControlPlane) CreateNamespace(ctx context.Context, name string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := cp.client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating namespace %s: %w", name, err)
	}
	if !cp.options.ControllerManager {
		return nil
	}
	err = Until(ctx, func(ctx context.Context) error { return cp.hasDefaultServiceAccount(ctx, name) })
	if err != nil {
		return fmt.Errorf("waiting for the default ServiceAccount of namespace %s: %w", name, err)
	}
	return nil
}

// CreateGatewayAccount creates the ServiceAccount that a gateway needs to turn
// Events of all namespaces into builds in buildNamespace, with only these rights:
// list and watch Events, create Secrets there. It returns the path of a kubeconfig
// for it.
func (cp *ControlPlane) CreateGatewayAccount(ctx context.Context, buildNamespace, name string) (kubeconfig string, err error) {
	if err := cp.createGatewayAccount(ctx, buildNamespace, name); err != nil {
		return "", fmt.Errorf("creating the gateway's ServiceAccount %s/%s: %w", buildNamespace, name, err)
	}
	return cp.ServiceAccountKubeconfig(ctx, buildNamespace, name)
}

func (cp *ControlPlane) createGatewayAccount(ctx context.Context, buildNamespace, name string) error {
	meta := metav1.ObjectMeta{Name: name}
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: buildNamespace}}
	events := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"events"}, Verbs: []string{"list", "watch"}}}
	secrets := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"create"}}}
	reference := func(kind string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}
	}

	rbac, options := cp.client.RbacV1(), metav1.CreateOptions{}
	for _, create := range []func() error{
		func() error {
			_, err := cp.client.CoreV1().ServiceAccounts(buildNamespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: meta}, options)
			return err
		},
		func() error {
			_, err := rbac.ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: events}, options)
			return err
		},
		func() error {
			binding := &rbacv1.ClusterRoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: reference("ClusterRole")}
			_, err := rbac.ClusterRoleBindings().Create(ctx, binding, options)
			return err
		},
		func() error {
			_, err := rbac.Roles(buildNamespace).Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: secrets}, options)
			return err
		},
		func() error {
			binding := &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: reference("Role")}
			_, err := rbac.RoleBindings(buildNamespace).Create(ctx, binding, options)
			return err
		},
	} {
		if err := create(); err != nil {
			return err
		}
	}
	return nil
}

// ServiceAccountKubeconfig returns the path of a kubeconfig for an existing
// ServiceAccount. Its token is in TokenFile, as in a pod, so that RotateToken can
// replace it.
func (cp *ControlPlane) ServiceAccountKubeconfig(ctx context.Context, namespace, name string) (string, error) {
	if err := cp.RotateToken(ctx, namespace, name, tokenLifetime); err != nil {
		return "", err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["plane"] = &clientcmdapi.Cluster{Server: cp.config.Host, CertificateAuthorityData: cp.config.CAData}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{TokenFile: cp.TokenFile(namespace, name)}
	config.Contexts["plane"] = &clientcmdapi.Context{Cluster: "plane", AuthInfo: name, Namespace: namespace}
	config.CurrentContext = "plane"

	path := filepath.Join(cp.dir, namespace+"."+name+".kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return "", fmt.Errorf("writing a kubeconfig for ServiceAccount %s/%s: %w", namespace, name, err)
	}
	return path, nil
}

// TokenFile returns the path of the token of a ServiceAccount with a kubeconfig.
func (cp *ControlPlane) TokenFile(namespace, name string) string {
	return filepath.Join(cp.dir, namespace+"."+name+".token")
}

// Token requests a token of the ServiceAccount. The shortest lifetime is ten minutes.
func (cp *ControlPlane) Token(ctx context.Context, namespace, name string, lifetime time.Duration) (string, error) {
	seconds := int64(lifetime.Seconds())
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	request, err := cp.client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("requesting a token for ServiceAccount %s/%s: %w", namespace, name, err)
	}
	return request.Status.Token, nil
}

// RotateToken replaces the token in TokenFile atomically, as a kubelet does.
func (cp *ControlPlane) RotateToken(ctx context.Context, namespace, name string, lifetime time.Duration) error {
	token, err := cp.Token(ctx, namespace, name, lifetime)
	if err != nil {
		return err
	}
	path := cp.TokenFile(namespace, name)
	if err := os.WriteFile(path+".new", []byte(token), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// CreateTenant creates a ServiceAccount in an existing namespace that may create
// Events there, through either API, and nothing else. It returns the path of a
// kubeconfig for it.
func (cp *ControlPlane) CreateTenant(ctx context.Context, namespace, name string) (kubeconfig string, err error) {
	meta, options := metav1.ObjectMeta{Name: name}, metav1.CreateOptions{}
	role := &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"", eventsv1.GroupName}, Resources: []string{"events"}, Verbs: []string{"create"}},
	}}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: meta,
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: namespace}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
	}
	_, err = cp.client.CoreV1().ServiceAccounts(namespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: meta}, options)
	if err == nil {
		_, err = cp.client.RbacV1().Roles(namespace).Create(ctx, role, options)
	}
	if err == nil {
		_, err = cp.client.RbacV1().RoleBindings(namespace).Create(ctx, binding, options)
	}
	if err != nil {
		return "", fmt.Errorf("creating tenant %s/%s: %w", namespace, name, err)
	}
	return cp.ServiceAccountKubeconfig(ctx, namespace, name)
}
