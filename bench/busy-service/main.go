// A service that is busy with what services are busy with: `flamepipe overhead` measures it with and without a profiler.
// Each request parses and sorts records, hashes them and writes JSON, in about a millisecond for each unit of work.
// It prints the address that it listens on, and ends when its stdin does.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
)

type record struct {
	Key   string `json:"key"`
	Count uint64 `json:"count"`
	Sum   string `json:"sum"`
}

const recordsPerUnit = 400

// Numbers that look random and are the same in each run (xorshift).
type numbers uint64

func (n *numbers) next() uint64 {
	x := uint64(*n)
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	*n = numbers(x)
	return x
}

func makeText(seed uint64) string {
	random := numbers(seed*2654435761 + 1)
	var text strings.Builder
	for i := 0; i < recordsPerUnit; i++ {
		value := random.next()
		fmt.Fprintf(&text, "key-%d=%d\n", value%1000, value>>40)
	}
	return text.String()
}

func parse(text string) []record {
	records := []record{}
	for _, line := range strings.Split(text, "\n") {
		key, value, found := strings.Cut(line, "=")
		if !found {
			continue
		}
		count, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			continue
		}
		records = append(records, record{Key: key, Count: count})
	}
	return records
}

func sortRecords(records []record) {
	sort.Slice(records, func(i, j int) bool {
		if records[i].Key != records[j].Key {
			return records[i].Key < records[j].Key
		}
		return records[i].Count < records[j].Count
	})
}

func hashRecords(records []record) {
	sum := sha256.Sum256([]byte("flamepipe"))
	for i := range records {
		sum = sha256.Sum256(append(sum[:], records[i].Key...))
		records[i].Sum = hex.EncodeToString(sum[:8])
	}
}

func work(seed uint64) ([]byte, error) {
	records := parse(makeText(seed))
	sortRecords(records)
	hashRecords(records)
	return json.Marshal(records)
}

func main() {
	units := flag.Int("units", 1, "work of one request, in milliseconds or so")
	listen := flag.String("listen", "127.0.0.1:0", "address")
	flag.Parse()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var requests atomic.Uint64
	handler := func(w http.ResponseWriter, r *http.Request) {
		body := []byte{}
		for i := 0; i < *units; i++ {
			var err error
			if body, err = work(requests.Add(1)); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}
	// Whoever started it holds the other end, so that it doesn't outlive them.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Printf("http://%s/\n", listener.Addr())
	fmt.Fprintln(os.Stderr, http.Serve(listener, http.HandlerFunc(handler)))
	os.Exit(1)
}
