package client

import (
	"context"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

func TestInformerFollows(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, client kubernetes.Interface, namespace string) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace))
		informer := factory.Core().V1().ConfigMaps().Informer()
		added, updated, deleted := make(chan string, 10), make(chan string, 10), make(chan string, 10)
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(object any) { added <- object.(*corev1.ConfigMap).Name },
			UpdateFunc: func(_, object any) { updated <- object.(*corev1.ConfigMap).Data["a"] },
			DeleteFunc: func(object any) { deleted <- object.(*corev1.ConfigMap).Name },
		})
		must(t, err)
		maps := client.CoreV1().ConfigMaps(namespace)
		made, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "before"}}, metav1.CreateOptions{})
		must(t, err)
		factory.Start(ctx.Done())
		isTrue(t, cache.WaitForCacheSync(ctx.Done(), informer.HasSynced), "it has not synced")
		for name := receive(t, "object", added); name != "before"; name = receive(t, "object", added) {
		}
		made.Data = map[string]string{"a": "1"}
		_, err = maps.Update(ctx, made, metav1.UpdateOptions{})
		must(t, err)
		isTrue(t, receive(t, "update", updated) == "1", "the update is not the one made")
		must(t, maps.Delete(ctx, "before", metav1.DeleteOptions{}))
		isTrue(t, receive(t, "deletion", deleted) == "before", "another was deleted")
	})
}

func TestLeaderElectionHandsOver(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, client kubernetes.Interface, namespace string) {
		led := make(chan string, 10)
		stops := map[string]context.CancelFunc{}
		var running sync.WaitGroup
		for _, identity := range []string{"one", "two"} {
			lock := &resourcelock.LeaseLock{
				LeaseMeta:  metav1.ObjectMeta{Name: "election", Namespace: namespace},
				Client:     client.CoordinationV1(),
				LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
			}
			ctx, cancel := context.WithCancel(context.Background())
			stops[identity] = cancel
			defer cancel()
			running.Add(1)
			go func() {
				defer running.Done()
				leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
					Lock: lock, LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second,
					RetryPeriod: 200 * time.Millisecond, ReleaseOnCancel: true,
					Callbacks: leaderelection.LeaderCallbacks{
						OnStartedLeading: func(context.Context) { led <- identity },
						OnStoppedLeading: func() {},
					},
				})
			}()
		}
		first := receive(t, "leader", led)
		stops[first]()
		second := receive(t, "second leader", led)
		isTrue(t, second != first, "%s leads again", second)
		stops[second]()
		running.Wait()
	})
}

func TestEventsOfTheRecorderArrive(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, client kubernetes.Interface, namespace string) {
		ctx := context.Background()
		made, err := client.CoreV1().ConfigMaps(namespace).Create(ctx,
			&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "subject"}}, metav1.CreateOptions{})
		must(t, err)
		broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: client.EventsV1()})
		must(t, broadcaster.StartRecordingToSinkWithContext(ctx))
		defer broadcaster.Shutdown()
		broadcaster.NewRecorder(scheme.Scheme, "client-go").Eventf(made, nil, corev1.EventTypeNormal, "Tried", "Trying", "it %s", "works")
		eventually(t, "the event in events.k8s.io/v1", func(ctx context.Context) (bool, error) {
			list, err := client.EventsV1().Events(namespace).List(ctx, metav1.ListOptions{})
			return err == nil && anyEvent(list.Items), err
		})
		eventually(t, "the same event in v1", func(ctx context.Context) (bool, error) {
			list, err := client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=Tried"})
			return err == nil && len(list.Items) == 1 && list.Items[0].Message == "it works", err
		})
	})
}

func anyEvent(list []eventsv1.Event) bool {
	for _, event := range list {
		if event.Reason == "Tried" && event.Note == "it works" && event.Regarding.Name == "subject" {
			return true
		}
	}
	return false
}

func TestMetadataClientSeesMetadataOnly(t *testing.T) {
	for name, contentType := range encodings {
		t.Run(name, func(t *testing.T) {
			config := configFor(t, contentType)
			client, err := kubernetes.NewForConfig(config)
			must(t, err)
			namespace := newNamespace(t, client)
			ctx := context.Background()
			_, err = client.CoreV1().ConfigMaps(namespace).Create(ctx, &corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Name: "one", Labels: map[string]string{"a": "b"}},
				Data:       map[string]string{"k": "v"},
			}, metav1.CreateOptions{})
			must(t, err)
			objects, err := metadata.NewForConfig(config)
			must(t, err)
			maps := objects.Resource(corev1.SchemeGroupVersion.WithResource("configmaps")).Namespace(namespace)
			list, err := maps.List(ctx, metav1.ListOptions{LabelSelector: "a=b"})
			must(t, err)
			isTrue(t, len(list.Items) == 1 && list.Items[0].Labels["a"] == "b", "list: %v", list.Items)
			watcher, err := maps.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
			must(t, err)
			defer watcher.Stop()
			must(t, maps.Delete(ctx, "one", metav1.DeleteOptions{}))
			event := receive(t, "event", watcher.ResultChan())
			gone, isPartial := event.Object.(*metav1.PartialObjectMetadata)
			isTrue(t, isPartial && gone.Name == "one", "event: %v", event)
		})
	}
}

func TestDynamicClientServesCustomResources(t *testing.T) {
	config := configFor(t, runtime.ContentTypeJSON)
	ctx := context.Background()
	client, err := kubernetes.NewForConfig(config)
	must(t, err)
	namespace := newNamespace(t, client)
	objects, err := dynamic.NewForConfig(config)
	must(t, err)
	definitions := objects.Resource(schema.GroupVersionResource{
		Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	_, err = definitions.Create(ctx, boatDefinition(), metav1.CreateOptions{})
	must(t, err)
	defer func() { must(t, definitions.Delete(ctx, "boats.kubus.example", metav1.DeleteOptions{})) }()
	eventually(t, "the definition is established", func(ctx context.Context) (bool, error) {
		now, err := definitions.Get(ctx, "boats.kubus.example", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		conditions, _, err := unstructured.NestedSlice(now.Object, "status", "conditions")
		for _, condition := range conditions {
			fields := condition.(map[string]any)
			if fields["type"] == "Established" && fields["status"] == "True" {
				return true, nil
			}
		}
		return false, err
	})
	boats := objects.Resource(schema.GroupVersionResource{Group: "kubus.example", Version: "v1", Resource: "boats"}).Namespace(namespace)
	list, err := boats.List(ctx, metav1.ListOptions{})
	must(t, err)
	watcher, err := boats.Watch(ctx, metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
	must(t, err)
	defer watcher.Stop()
	made, err := boats.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kubus.example/v1", "kind": "Boat", "metadata": map[string]any{"name": "ada"},
		"spec": map[string]any{"sails": int64(2), "unknown": "pruned"},
	}}, metav1.CreateOptions{})
	must(t, err)
	_, isKept, _ := unstructured.NestedString(made.Object, "spec", "unknown")
	colour, _, _ := unstructured.NestedString(made.Object, "spec", "colour")
	isTrue(t, !isKept && colour == "white", "pruned and defaulted: %v", made.Object)
	event := receive(t, "event", watcher.ResultChan())
	isTrue(t, event.Object.(*unstructured.Unstructured).GetName() == "ada", "event: %v", event)
	discovered, err := restmapper.GetAPIGroupResources(discovery.NewDiscoveryClientForConfigOrDie(config))
	must(t, err)
	mapping, err := restmapper.NewDiscoveryRESTMapper(discovered).RESTMapping(schema.GroupKind{Group: "kubus.example", Kind: "Boat"})
	must(t, err)
	isTrue(t, mapping.Resource.Resource == "boats", "mapping: %v", mapping)
}

func boatDefinition() *unstructured.Unstructured {
	property := func(kind string) map[string]any { return map[string]any{"type": kind} }
	colour := property("string")
	colour["default"] = "white"
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": "boats.kubus.example"},
		"spec": map[string]any{
			"group": "kubus.example", "scope": "Namespaced",
			"names": map[string]any{"plural": "boats", "singular": "boat", "kind": "Boat", "listKind": "BoatList"},
			"versions": []any{map[string]any{
				"name": "v1", "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{
					"type": "object",
					"properties": map[string]any{"spec": map[string]any{
						"type":       "object",
						"properties": map[string]any{"sails": property("integer"), "colour": colour},
					}},
				}},
			}},
		},
	}}
}

func TestDiscoveryNamesEveryResource(t *testing.T) {
	client, err := kubernetes.NewForConfig(configFor(t, runtime.ContentTypeJSON))
	must(t, err)
	_, lists, err := client.Discovery().ServerGroupsAndResources()
	must(t, err)
	found := map[string]bool{}
	for _, list := range lists {
		for _, resource := range list.APIResources {
			found[list.GroupVersion+"/"+resource.Name] = true
		}
	}
	for _, expected := range []string{
		"v1/pods", "v1/pods/exec", "apps/v1/statefulsets/scale", "batch/v1/cronjobs", "autoscaling/v1/horizontalpodautoscalers",
		"autoscaling/v2/horizontalpodautoscalers", "events.k8s.io/v1/events", "rbac.authorization.k8s.io/v1/clusterroles",
		"resource.k8s.io/v1/resourceclaims", "apiextensions.k8s.io/v1/customresourcedefinitions",
	} {
		isTrue(t, found[expected], "%s is not in discovery", expected)
	}
	_, err = client.Discovery().OpenAPISchema()
	must(t, err)
	paths, err := client.Discovery().OpenAPIV3().Paths()
	must(t, err)
	isTrue(t, paths["apis/apps/v1"] != nil, "OpenAPI v3 paths: %d", len(paths))
}
