package client

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	corev1apply "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/pager"
	"k8s.io/client-go/util/retry"

	"k8s.io/apimachinery/pkg/runtime"
)

func deployment(name string, replicas int32) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "example:1"}}},
			},
		},
	}
}

func TestDeploymentBecomesReadyAndScales(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, client kubernetes.Interface, namespace string) {
		ctx := context.Background()
		deployments := client.AppsV1().Deployments(namespace)
		made, err := deployments.Create(ctx, deployment("web", 2), metav1.CreateOptions{})
		must(t, err)
		isTrue(t, made.UID != "" && made.ResourceVersion != "" && made.Generation == 1, "metadata: %v", made.ObjectMeta)
		isTrue(t, *made.Spec.Strategy.RollingUpdate.MaxSurge == *made.Spec.Strategy.RollingUpdate.MaxUnavailable,
			"defaults: %v", made.Spec.Strategy)
		eventually(t, "two ready replicas", func(ctx context.Context) (bool, error) {
			now, err := deployments.Get(ctx, "web", metav1.GetOptions{})
			return err == nil && now.Status.ReadyReplicas == 2, err
		})
		scale, err := deployments.GetScale(ctx, "web", metav1.GetOptions{})
		must(t, err)
		isTrue(t, scale.Spec.Replicas == 2 && scale.Status.Selector == "app=web", "scale: %v", scale)
		_, err = deployments.UpdateScale(ctx, "web",
			&autoscalingv1.Scale{ObjectMeta: scale.ObjectMeta, Spec: autoscalingv1.ScaleSpec{Replicas: 3}},
			metav1.UpdateOptions{})
		must(t, err)
		eventually(t, "three pods", func(ctx context.Context) (bool, error) {
			pods, err := client.CoreV1().Pods(namespace).List(ctx,
				metav1.ListOptions{LabelSelector: "app=web", FieldSelector: "status.phase=Running"})
			return err == nil && len(pods.Items) == 3, err
		})
	})
}

func TestErrorsAreWhatTheLibraryKnows(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, client kubernetes.Interface, namespace string) {
		ctx := context.Background()
		maps := client.CoreV1().ConfigMaps(namespace)
		_, err := maps.Get(ctx, "absent", metav1.GetOptions{})
		isTrue(t, apierrors.IsNotFound(err), "not found: %v", err)
		made, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "one"}}, metav1.CreateOptions{})
		must(t, err)
		_, err = maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "one"}}, metav1.CreateOptions{})
		isTrue(t, apierrors.IsAlreadyExists(err), "already exists: %v", err)
		stale := made.DeepCopy()
		made.Data = map[string]string{"a": "1"}
		_, err = maps.Update(ctx, made, metav1.UpdateOptions{})
		must(t, err)
		stale.Data = map[string]string{"a": "2"}
		_, err = maps.Update(ctx, stale, metav1.UpdateOptions{})
		isTrue(t, apierrors.IsConflict(err), "conflict: %v", err)
		_, err = client.CoreV1().Pods(namespace).Create(ctx,
			&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "Bad_Name"}}, metav1.CreateOptions{})
		isTrue(t, apierrors.IsInvalid(err), "invalid: %v", err)
		causes := err.(apierrors.APIStatus).Status().Details.Causes
		isTrue(t, len(causes) == 2 && causes[0].Field == "metadata.name" && causes[1].Field == "spec.containers",
			"causes: %v", causes)
		err = maps.Delete(ctx, "one", *metav1.NewPreconditionDeleteOptions("another-uid"))
		isTrue(t, apierrors.IsConflict(err), "precondition: %v", err)
	})
}

// patientBackoff has more steps than there are writers.
var patientBackoff = wait.Backoff{Steps: 50, Duration: 5 * time.Millisecond, Factor: 1, Jitter: 1}

func TestRetryOnConflictWinsInTheEnd(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, client kubernetes.Interface, namespace string) {
		ctx := context.Background()
		maps := client.CoreV1().ConfigMaps(namespace)
		_, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "count"}}, metav1.CreateOptions{})
		must(t, err)
		const writers = 5
		outcomes := make(chan error, writers)
		for writer := range writers {
			go func() {
				outcomes <- retry.RetryOnConflict(patientBackoff, func() error {
					now, err := maps.Get(ctx, "count", metav1.GetOptions{})
					if err != nil {
						return err
					}
					if now.Data == nil {
						now.Data = map[string]string{}
					}
					now.Data[string(rune('a'+writer))] = "written"
					_, err = maps.Update(ctx, now, metav1.UpdateOptions{})
					return err
				})
			}()
		}
		for range writers {
			must(t, receive(t, "outcome", outcomes))
		}
		now, err := maps.Get(ctx, "count", metav1.GetOptions{})
		must(t, err)
		isTrue(t, len(now.Data) == writers, "writes: %v", now.Data)
	})
}

func TestPatchesOfEveryType(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, client kubernetes.Interface, namespace string) {
		ctx := context.Background()
		deployments := client.AppsV1().Deployments(namespace)
		_, err := deployments.Create(ctx, deployment("web", 0), metav1.CreateOptions{})
		must(t, err)
		patched, err := deployments.Patch(ctx, "web", types.StrategicMergePatchType,
			[]byte(`{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"side:1"}]}}}}`), metav1.PatchOptions{})
		must(t, err)
		isTrue(t, len(patched.Spec.Template.Spec.Containers) == 2, "containers: %v", patched.Spec.Template.Spec.Containers)
		patched, err = deployments.Patch(ctx, "web", types.MergePatchType,
			[]byte(`{"metadata":{"labels":{"tier":"front"}}}`), metav1.PatchOptions{})
		must(t, err)
		isTrue(t, patched.Labels["tier"] == "front", "labels: %v", patched.Labels)
		patched, err = deployments.Patch(ctx, "web", types.JSONPatchType,
			[]byte(`[{"op":"test","path":"/metadata/labels/tier","value":"front"},{"op":"remove","path":"/metadata/labels/tier"}]`),
			metav1.PatchOptions{})
		must(t, err)
		isTrue(t, patched.Labels["tier"] == "", "labels: %v", patched.Labels)
	})
}

func TestServerSideApplyHoldsOwnership(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, client kubernetes.Interface, namespace string) {
		ctx := context.Background()
		maps := client.CoreV1().ConfigMaps(namespace)
		first := corev1apply.ConfigMap("shared", namespace).WithData(map[string]string{"a": "1", "b": "1"})
		_, err := maps.Apply(ctx, first, metav1.ApplyOptions{FieldManager: "first"})
		must(t, err)
		second := corev1apply.ConfigMap("shared", namespace).WithData(map[string]string{"a": "2"})
		_, err = maps.Apply(ctx, second, metav1.ApplyOptions{FieldManager: "second"})
		isTrue(t, apierrors.IsConflict(err), "conflict: %v", err)
		isTrue(t, apierrors.HasStatusCause(err, metav1.CauseTypeFieldManagerConflict), "causes: %v", err)
		forced, err := maps.Apply(ctx, second, metav1.ApplyOptions{FieldManager: "second", Force: true})
		must(t, err)
		isTrue(t, forced.Data["a"] == "2" && forced.Data["b"] == "1", "data: %v", forced.Data)
		without, err := maps.Apply(ctx, corev1apply.ConfigMap("shared", namespace), metav1.ApplyOptions{FieldManager: "first"})
		must(t, err)
		_, hasB := without.Data["b"]
		isTrue(t, without.Data["a"] == "2" && !hasB, "data: %v", without.Data)
		extracted, err := corev1apply.ExtractConfigMap(without, "second")
		must(t, err)
		isTrue(t, len(extracted.Data) == 1 && extracted.Data["a"] == "2", "owned by second: %v", extracted.Data)
	})
}

func TestListPagesAddUp(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, client kubernetes.Interface, namespace string) {
		ctx := context.Background()
		maps := client.CoreV1().ConfigMaps(namespace)
		const count = 23
		for index := range count {
			name := string(rune('a' + index))
			_, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
			must(t, err)
		}
		pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return maps.List(ctx, options)
		})
		pages.PageSize = 5
		seen := map[string]bool{}
		must(t, pages.EachListItem(ctx, metav1.ListOptions{}, func(object runtime.Object) error {
			seen[object.(*corev1.ConfigMap).Name] = true
			return nil
		}))
		delete(seen, "kube-root-ca.crt")
		isTrue(t, len(seen) == count, "%d of %d listed", len(seen), count)
	})
}

func TestWatchShowsEachChangeOnce(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, client kubernetes.Interface, namespace string) {
		ctx := context.Background()
		maps := client.CoreV1().ConfigMaps(namespace)
		list, err := maps.List(ctx, metav1.ListOptions{})
		must(t, err)
		watcher, err := maps.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion, AllowWatchBookmarks: true})
		must(t, err)
		defer watcher.Stop()
		made, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "seen"}}, metav1.CreateOptions{})
		must(t, err)
		made.Data = map[string]string{"a": "1"}
		_, err = maps.Update(ctx, made, metav1.UpdateOptions{})
		must(t, err)
		must(t, maps.Delete(ctx, "seen", metav1.DeleteOptions{}))
		for _, expected := range []watch.EventType{watch.Added, watch.Modified, watch.Deleted} {
			event := receive(t, "event", watcher.ResultChan())
			for event.Type == watch.Bookmark || event.Object.(*corev1.ConfigMap).Name != "seen" {
				event = receive(t, "event", watcher.ResultChan())
			}
			isTrue(t, event.Type == expected, "%s instead of %s", event.Type, expected)
		}
	})
}

func TestStatusAndSpecNeverCross(t *testing.T) {
	inEachEncoding(t, func(t *testing.T, client kubernetes.Interface, namespace string) {
		ctx := context.Background()
		jobs := client.BatchV1().Jobs(namespace)
		suspend := true
		made, err := jobs.Create(ctx, &batchv1.Job{
			ObjectMeta: metav1.ObjectMeta{Name: "idle"},
			Spec: batchv1.JobSpec{Suspend: &suspend, Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
				RestartPolicy: corev1.RestartPolicyNever,
				Containers:    []corev1.Container{{Name: "c", Image: "example:1"}},
			}}},
			Status: batchv1.JobStatus{Active: 7},
		}, metav1.CreateOptions{})
		must(t, err)
		isTrue(t, made.Status.Active == 0, "a create sets no status: %v", made.Status)
		body, err := json.Marshal(map[string]any{
			"spec":   map[string]any{"parallelism": 5},
			"status": map[string]any{"ready": 0, "terminating": 0},
		})
		must(t, err)
		patched, err := jobs.Patch(ctx, "idle", types.MergePatchType, body, metav1.PatchOptions{}, "status")
		must(t, err)
		isTrue(t, *patched.Spec.Parallelism == 1 && patched.Status.Terminating != nil, "patched: %v", patched)
	})
}
