// browser shows the page in a real Chromium. It is a module of its own so that
// the daemon's dependencies stay what the daemon needs.
module github.com/brigadecore/brigade-k8s-gateway/test/browser

go 1.26.0

replace github.com/brigadecore/brigade-k8s-gateway => ../..

require (
	github.com/chromedp/cdproto v0.159.0
	github.com/chromedp/chromedp v0.23.0
)

require github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
