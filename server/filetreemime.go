package server

import (
	"path"
	"strings"
)

// mimeTypes are MIME types by extension: the same on every machine, unlike those of the operating system.
var mimeTypes = map[string]string{
	".bmp": "image/bmp", ".c": "text/x-c", ".cc": "text/x-c++", ".conf": mimeText, ".cpp": "text/x-c++", ".css": "text/css",
	".csv": "text/csv", ".diff": "text/x-diff", ".doc": "application/msword",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".flac": "audio/flac",
	".gif": "image/gif", ".go": "text/x-go", ".gz": "application/gzip", ".h": "text/x-c", ".htm": "text/html",
	".html": "text/html", ".ico": "image/x-icon", ".ini": mimeText, ".java": "text/x-java", ".jpeg": "image/jpeg",
	".jpg": "image/jpeg", ".js": "text/javascript", ".json": mimeJSON, ".jsonl": "application/jsonl", ".log": mimeText,
	".lua": "text/x-lua", ".m4a": "audio/mp4", ".md": "text/markdown", ".mjs": "text/javascript", ".mp3": "audio/mpeg",
	".mp4": "video/mp4", ".ogg": "audio/ogg", ".patch": "text/x-diff", ".pdf": "application/pdf", ".php": "text/x-php",
	".png": "image/png", ".ppt": "application/vnd.ms-powerpoint",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation", ".py": "text/x-python",
	".rb": "text/x-ruby", ".rs": "text/x-rust", ".rst": "text/x-rst", ".rtf": "application/rtf", ".sh": "text/x-shellscript",
	".sql": "text/x-sql", ".svg": "image/svg+xml", ".swift": "text/x-swift", ".tar": "application/x-tar",
	".tex": "text/x-tex", ".tif": "image/tiff", ".tiff": "image/tiff", ".toml": "application/toml",
	".ts": "text/x-typescript", ".tsv": "text/tab-separated-values", ".tsx": "text/x-typescript", ".txt": mimeText,
	".wasm": "application/wasm", ".wav": "audio/wav", ".webm": "video/webm", ".webp": "image/webp",
	".xls": "application/vnd.ms-excel", ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".xml": "application/xml", ".yaml": "application/yaml", ".yml": "application/yaml", ".zip": "application/zip",
}

// mimeOf gives the MIME type of a file by its extension; "" if it says nothing.
func mimeOf(name string) string { return mimeTypes[strings.ToLower(path.Ext(name))] }
