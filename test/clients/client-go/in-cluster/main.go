// A program for a pod: lists the pods of its namespace with the identity that its container was given, again and
// again, and prints a line each time: `pods a,b` or `refused <reason>: <message>`.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

func main() {
	config, err := rest.InClusterConfig()
	fatal(err)
	clients, err := kubernetes.NewForConfig(config)
	fatal(err)
	namespace, err := os.ReadFile(namespaceFile)
	fatal(err)
	for {
		pods, err := clients.CoreV1().Pods(string(namespace)).List(context.Background(), metav1.ListOptions{})
		if err != nil {
			fmt.Printf("refused %s: %s\n", errors.ReasonForError(err), err)
		} else {
			names := []string{}
			for _, pod := range pods.Items {
				names = append(names, pod.Name)
			}
			fmt.Printf("pods %s\n", strings.Join(names, ","))
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func fatal(err error) {
	if err != nil {
		fmt.Println("fatal", err)
		os.Exit(1)
	}
}
