package gen

// eventType is a type with its subtypes, the frequent ones first.
type eventType struct {
	name       string
	properties properties
	subtypes   []string
}

// types are the types, the frequent ones first.
var types = [...]eventType{
	{"session", session, []string{"heartbeat", "started", "ended", "timed_out"}},
	{"lesson", lesson, []string{"progressed", "started", "completed", "paused", "rated", "abandoned"}},
	{"message", message, []string{"sent", "delivered", "read", "deleted"}},
	{"quiz", quiz, []string{"answered", "started", "submitted", "graded"}},
	{"payment", payment, []string{"settled", "initiated", "failed", "refunded", "authorized"}},
	{"account", account, []string{"updated", "created", "verified", "suspended", "closed"}},
}

var countries = [...]struct{ code, locale, timezone string }{
	{"US", "en-US", "America/New_York"}, {"DE", "de-DE", "Europe/Berlin"}, {"BR", "pt-BR", "America/Sao_Paulo"}, {"IN", "hi-IN", "Asia/Kolkata"},
	{"JP", "ja-JP", "Asia/Tokyo"}, {"FR", "fr-FR", "Europe/Paris"}, {"PL", "pl-PL", "Europe/Warsaw"}, {"KE", "sw-KE", "Africa/Nairobi"},
}

var networks = [...]string{"wifi", "5g", "4g", "ethernet", "3g"}

var plans = [...]string{"free", "basic", "pro", "school"}

var devices = [...]struct{ os, model string }{
	{"android", "Pixel 8"}, {"ios", "iPhone15,3"}, {"web", "Chrome/124"}, {"android", "SM-A546B"}, {"web", "Firefox/125"}, {"ios", "iPad13,8"}, {"windows", "Surface Pro 9"},
}

var methods = [...]string{"card", "paypal", "sepa_debit", "invoice", "voucher"}

var currencies = [...]string{"EUR", "USD", "BRL", "JPY"}

var screens = [...]string{"home", "lesson", "chat", "profile", "settings", "checkout", "search", "onboarding"}

var topics = [...]string{"algebra", "grammar", "biology", "history", "chemistry", "geometry", "poetry", "programming"}

var words = [...]string{
	"thanks", "the", "next", "lesson", "was", "über", "good", "but", "question", "three", "is", "not", "clear", "to", "me", "can", "we", "talk", "tomorrow", "日本語", "please", "see",
	"page", "twelve", "naïve", "answer", "why", "does", "it", "work", "then", "🙂", "ok", "again", "\\\"quoted\\\"", "line\\nbreak", "fine", "sorry", "homework", "done",
}
