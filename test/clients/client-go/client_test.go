// Package client drives a running cluster with Kubernetes' own Go client, in JSON and in protobuf.
//
// KUBECONFIG names the cluster. Each test works in a namespace of its own and deletes it. The cluster has
// nodes on which pods become ready.
package client

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const patience = 30 * time.Second

var encodings = map[string]string{
	"JSON":     runtime.ContentTypeJSON,
	"protobuf": runtime.ContentTypeProtobuf,
}

// configFor gives the client settings for one encoding of bodies.
func configFor(t *testing.T, contentType string) *rest.Config {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	must(t, err)
	config.QPS = -1
	config.ContentType = contentType
	config.AcceptContentTypes = contentType
	if contentType == runtime.ContentTypeProtobuf {
		config.AcceptContentTypes += "," + runtime.ContentTypeJSON
	}
	return config
}

// inEachEncoding runs a test once a body encoding, each time in a namespace of its own.
func inEachEncoding(t *testing.T, run func(t *testing.T, client kubernetes.Interface, namespace string)) {
	for name, contentType := range encodings {
		t.Run(name, func(t *testing.T) {
			client, err := kubernetes.NewForConfig(configFor(t, contentType))
			must(t, err)
			run(t, client, newNamespace(t, client))
		})
	}
}

func newNamespace(t *testing.T, client kubernetes.Interface) string {
	t.Helper()
	made, err := client.CoreV1().Namespaces().Create(
		context.Background(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "client-go-"}},
		metav1.CreateOptions{},
	)
	must(t, err)
	t.Cleanup(func() {
		must(t, client.CoreV1().Namespaces().Delete(context.Background(), made.Name, metav1.DeleteOptions{}))
	})
	return made.Name
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func isTrue(t *testing.T, condition bool, format string, values ...any) {
	t.Helper()
	if !condition {
		t.Fatal(fmt.Sprintf(format, values...))
	}
}

// eventually asks again until the answer is yes.
func eventually(t *testing.T, what string, ask func(ctx context.Context) (bool, error)) {
	t.Helper()
	err := wait.PollUntilContextTimeout(context.Background(), 50*time.Millisecond, patience, true, ask)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(patience):
		t.Fatalf("no %s within %s", what, patience)
		panic("unreachable")
	}
}
