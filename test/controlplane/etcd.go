package controlplane

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// BackUpEtcd stops the API server and etcd, copies etcd's data, and starts both
// again. It returns the name of the copy, for RestoreEtcd.
func (cp *ControlPlane) BackUpEtcd(ctx context.Context) (backup string, err error) {
	if backup, err = os.MkdirTemp(cp.dir, "etcd-backup-"); err != nil {
		return "", err
	}
	err = cp.withoutEtcd(ctx, func() error { return os.CopyFS(backup, os.DirFS(cp.plane.Etcd.DataDir)) })
	if err != nil {
		return "", fmt.Errorf("backing up etcd: %w", err)
	}
	return backup, nil
}

// RestoreEtcd restores a backup, as an operator does after a disaster: the history
// and resourceVersions go back, and everything since then is lost. To the other
// components the API server restarts.
func (cp *ControlPlane) RestoreEtcd(ctx context.Context, backup string) error {
	err := cp.withoutEtcd(ctx, func() error {
		if err := os.RemoveAll(filepath.Join(cp.plane.Etcd.DataDir, "member")); err != nil {
			return err
		}
		return os.CopyFS(cp.plane.Etcd.DataDir, os.DirFS(backup))
	})
	if err != nil {
		return fmt.Errorf("restoring etcd: %w", err)
	}
	return nil
}

// withoutEtcd calls a function while neither etcd nor the API server runs.
func (cp *ControlPlane) withoutEtcd(ctx context.Context, do func() error) error {
	if err := cp.StopAPIServer(); err != nil {
		return err
	}
	if err := cp.plane.Etcd.Stop(); err != nil {
		return fmt.Errorf("stopping etcd: %w", err)
	}
	cp.guardian.forget(etcd)
	if err := do(); err != nil {
		return err
	}
	if err := cp.startEtcd(ctx); err != nil {
		return err
	}
	return cp.StartAPIServer(ctx)
}

// startEtcd starts an etcd that was stopped, on the same port.
func (cp *ControlPlane) startEtcd(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { cp.guardian.kill(etcd) })()

	log, err := cp.openLog(etcd)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cp.plane.Etcd.Out, cp.plane.Etcd.Err = log, log
	cp.plane.Etcd.StartTimeout = startTimeout
	if deadline, ok := ctx.Deadline(); ok {
		cp.plane.Etcd.StartTimeout = time.Until(deadline)
	}
	if err := cp.plane.Etcd.Start(); err != nil {
		return fmt.Errorf("starting etcd again: %w%s", err, tail(log.Name()))
	}
	return nil
}
