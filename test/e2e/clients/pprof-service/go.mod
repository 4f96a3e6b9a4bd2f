module flamepipe.test/pprof-service

go 1.21
