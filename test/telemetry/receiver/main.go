// An OTLP endpoint with the decoder of the OpenTelemetry Collector. It prints its address, and then each message as it has
// understood it: members that the protocol does not have are missing.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"

	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

type request interface {
	UnmarshalJSON([]byte) error
	MarshalJSON() ([]byte, error)
}

func handle(signal string, create func() request) {
	http.HandleFunc("/v1/"+signal, func(response http.ResponseWriter, received *http.Request) {
		body, _ := io.ReadAll(received.Body)
		message := create()
		if err := message.UnmarshalJSON(body); err != nil {
			http.Error(response, err.Error(), http.StatusBadRequest)
			return
		}
		understood, err := message.MarshalJSON()
		if err != nil {
			http.Error(response, err.Error(), http.StatusBadRequest)
			return
		}
		line, _ := json.Marshal(map[string]any{"signal": signal, "sent": json.RawMessage(body), "understood": json.RawMessage(understood)})
		fmt.Println(string(line))
		io.WriteString(response, "{}")
	})
}

func main() {
	handle("traces", func() request { message := ptraceotlp.NewExportRequest(); return &message })
	handle("metrics", func() request { message := pmetricotlp.NewExportRequest(); return &message })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	panic(http.Serve(listener, nil))
}
