package access

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

func TestAskUDP(t *testing.T) {
	listen := func() net.PacketConn {
		l, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	answering, silent, closed := listen(), listen(), listen()
	go func() {
		text := make([]byte, 64)
		n, from, err := answering.ReadFrom(text)
		if err == nil {
			_, _ = answering.WriteTo(append([]byte("heard "), text[:n]...), from)
		}
	}()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		at   net.PacketConn
		want catalog.Outcome
		says string
	}{
		{"answered", answering, catalog.Reached, "heard hello"},
		{"silent", silent, catalog.TimedOut, ""},
		{"closed", closed, catalog.Refused, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			r := AskUDP(ctx, tt.at.LocalAddr().String(), "hello")
			if r.Outcome != tt.want || r.Stdout != tt.says {
				t.Errorf("got %s, want %s %q", r.Summary(), tt.want, tt.says)
			}
		})
	}
}
