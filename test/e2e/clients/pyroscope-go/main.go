// Works under pyroscope-go until it has taken RUN_CPU_MS of the CPU, and RUN_MS at least; then says how it was.
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

func spin(rounds uint64) {
	for i := uint64(0); i < rounds; i++ {
		total = total*31 + i
	}
}

//go:noinline
func hashOrders() {
	spin(30_000_000)
}

//go:noinline
func parseOrders() {
	spin(10_000_000)
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

func setting(name string) int64 {
	value, err := strconv.ParseInt(os.Getenv(name), 10, 64)
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	runMs, runCPUMs := setting("RUN_MS"), setting("RUN_CPU_MS")
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
	begun, begunCPUMs := time.Now(), cpuMs()
	done := make(chan struct{})
	go keepOrders()
	for i := 0; i < 4; i++ {
		go contend()
	}
	go work(done)
	for time.Since(begun).Milliseconds() < runMs || cpuMs()-begunCPUMs < runCPUMs {
		time.Sleep(100 * time.Millisecond)
	}
	close(done)
	usedMs, elapsedMs := cpuMs()-begunCPUMs, time.Since(begun).Milliseconds()
	if err := profiler.Stop(); err != nil {
		panic(err)
	}
	fmt.Printf("{\"cpuMs\": %d, \"elapsedMs\": %d, \"kept\": %d}\n", usedMs, elapsedMs, len(sink))
}
