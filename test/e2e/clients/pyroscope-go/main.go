// Burns CPU, allocates and contends under pyroscope-go for RUN_SECONDS, then prints what it took of the CPU.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/grafana/pyroscope-go"
)

var (
	mutex sync.Mutex
	sink  [][]byte
	total uint64
)

func spin(duration time.Duration) {
	for begun := time.Now(); time.Since(begun) < duration; {
		for i := uint64(0); i < 20000; i++ {
			total = total*31 + i
		}
	}
}

//go:noinline
func hashOrders() {
	spin(30 * time.Millisecond)
}

//go:noinline
func parseOrders() {
	spin(10 * time.Millisecond)
}

func work(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		default:
			pyroscope.TagWrapper(context.Background(), pyroscope.Labels("route", "/orders"), func(context.Context) {
				hashOrders()
			})
			parseOrders()
			time.Sleep(10 * time.Millisecond)
		}
	}
}

//go:noinline
func keepOrders() {
	for {
		sink = append(sink[:len(sink)%16], make([]byte, 64<<10))
		time.Sleep(5 * time.Millisecond)
	}
}

func contend() {
	for {
		mutex.Lock()
		time.Sleep(2 * time.Millisecond)
		mutex.Unlock()
	}
}

func cpuMs() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return (usage.Utime.Nano() + usage.Stime.Nano()) / 1e6
}

func main() {
	seconds, err := strconv.Atoi(os.Getenv("RUN_SECONDS"))
	if err != nil {
		panic(err)
	}
	runtime.SetMutexProfileFraction(1)
	runtime.SetBlockProfileRate(1)
	runtime.MemProfileRate = 4096
	profiler, err := pyroscope.Start(pyroscope.Config{
		ApplicationName: "shop.go",
		ServerAddress:   os.Getenv("PYROSCOPE_SERVER_ADDRESS"),
		Tags:            map[string]string{"env": "staging"},
		UploadRate:      3 * time.Second,
		ProfileTypes: []pyroscope.ProfileType{
			pyroscope.ProfileCPU,
			pyroscope.ProfileAllocObjects, pyroscope.ProfileAllocSpace,
			pyroscope.ProfileInuseObjects, pyroscope.ProfileInuseSpace,
			pyroscope.ProfileGoroutines,
			pyroscope.ProfileMutexCount, pyroscope.ProfileMutexDuration,
			pyroscope.ProfileBlockCount, pyroscope.ProfileBlockDuration,
		},
	})
	if err != nil {
		panic(err)
	}
	begun := cpuMs()
	done := make(chan struct{})
	go keepOrders()
	for i := 0; i < 4; i++ {
		go contend()
	}
	go work(done)
	time.Sleep(time.Duration(seconds) * time.Second)
	close(done)
	used := cpuMs() - begun
	if err := profiler.Stop(); err != nil {
		panic(err)
	}
	fmt.Printf("{\"cpuMs\": %d, \"kept\": %d}\n", used, len(sink))
}
