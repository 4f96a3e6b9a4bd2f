// A service with net/http/pprof, godeltaprof and fgprof on the address of its argument: it burns CPU, allocates and
// contends.
package main

import (
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/felixge/fgprof"
	_ "github.com/grafana/pyroscope-go/godeltaprof/http/pprof"
)

var (
	mutex sync.Mutex
	sink  [][]byte
)

func burnCPU() {
	sum := []byte("flamepipe")
	for {
		for begun := time.Now(); time.Since(begun) < 20*time.Millisecond; {
			digest := sha256.Sum256(sum)
			sum = digest[:]
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func allocate() {
	for {
		block := make([]byte, 64<<10)
		sink = append(sink[:len(sink)%16], block)
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

func main() {
	runtime.SetMutexProfileFraction(1)
	runtime.SetBlockProfileRate(1)
	runtime.MemProfileRate = 4096
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		panic(err)
	}
	go burnCPU()
	go allocate()
	for i := 0; i < 4; i++ {
		go contend()
	}
	http.Handle("/debug/fgprof", fgprof.Handler())
	fmt.Println("listening")
	panic(http.Serve(listener, nil))
}
