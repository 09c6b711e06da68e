// Recommend asks a model server over REST, `daogou serve` or TensorFlow
// Serving, with nothing but Go's standard library:
//
//	go run recommend.go -clicked i3,i6 -k 5
//
// It prints a line for each item: id, score and title.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

// request holds columns: one value of each for every user of the call.
type request struct {
	Signature string         `json:"signature_name"`
	Inputs    map[string]any `json:"inputs"`
}

// answer holds, for each user, the items from the best on.
type answer struct {
	Outputs struct {
		ItemIDs [][]string  `json:"item_ids"`
		Titles  [][]string  `json:"titles"`
		Scores  [][]float64 `json:"scores"`
	} `json:"outputs"`
	Error string `json:"error"`
}

// recommend asks for k items for somebody who clicked some, oldest first.
func recommend(client *http.Client, url string, clicked []string, k int) (*answer, error) {
	now := time.Now().Unix()
	// Histories begin with an empty step, so that a server that joins requests
	// to batches can make them equally long.
	items, kinds, queries, times := []string{""}, []string{""}, []string{""}, []int64{0}
	for n, item := range clicked {
		items = append(items, item)
		kinds = append(kinds, "click")
		queries = append(queries, "")
		times = append(times, now-int64(60*(len(clicked)-n)))
	}
	body, err := json.Marshal(request{"recommend", map[string]any{
		"history_item_ids":    [][]string{items},
		"history_event_types": [][]string{kinds},
		"history_queries":     [][]string{queries},
		"history_timestamps":  [][]int64{times},
		"timestamp":           []int64{now},
		"k":                   []int{k},
	}})
	if err != nil {
		return nil, err
	}
	response, err := client.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var found answer
	if err := json.NewDecoder(response.Body).Decode(&found); err != nil {
		return nil, fmt.Errorf("%s: %w", response.Status, err)
	}
	if found.Error != "" {
		return nil, fmt.Errorf("%s: %s", response.Status, found.Error)
	}
	return &found, nil
}

func main() {
	server := flag.String("server", "http://localhost:8501", "address of the REST API")
	model := flag.String("model", "daogou", "name of the model")
	clicked := flag.String("clicked", "", "ids of clicked items, oldest first")
	k := flag.Int("k", 10, "how many items")
	flag.Parse()

	client := &http.Client{Timeout: 5 * time.Second}
	url := fmt.Sprintf("%s/v1/models/%s:predict", *server, *model)
	history := strings.FieldsFunc(*clicked, func(r rune) bool { return r == ',' })
	found, err := recommend(client, url, history, *k)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for slot, item := range found.Outputs.ItemIDs[0] {
		// A slot that could not be filled has no id.
		if item != "" {
			fmt.Printf("%s\t%.4f\t%s\n", item, found.Outputs.Scores[0][slot], found.Outputs.Titles[0][slot])
		}
	}
}
