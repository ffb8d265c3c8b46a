package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// What the tools, resources and prompts show.
var (
	picture = redPixel()
	sound   = silence()
	icon    = mcp.Icon{
		Src:      "data:image/png;base64," + base64.StdEncoding.EncodeToString(picture),
		MIMEType: "image/png",
		Sizes:    []string{"1x1"},
	}
)

func pictureContent() *mcp.ImageContent {
	return &mcp.ImageContent{Data: wire.EncodeBase64(picture), MIMEType: "image/png"}
}

func soundContent() *mcp.AudioContent {
	return &mcp.AudioContent{Data: wire.EncodeBase64(sound), MIMEType: "audio/wav"}
}

// redPixel is a PNG of one pixel.
func redPixel() []byte {
	pixels := image.NewRGBA(image.Rect(0, 0, 1, 1))
	pixels.Set(0, 0, color.RGBA{R: 255, A: 255})
	var b bytes.Buffer
	if err := png.Encode(&b, pixels); err != nil {
		panic(err) // nothing here can fail but memory
	}
	return b.Bytes()
}

// silence is a WAV of one millisecond: 8,000 samples a second, one channel, 8 bits.
func silence() []byte {
	const rate, samples = 8000, 8
	b := []byte("RIFF")
	b = binary.LittleEndian.AppendUint32(b, 36+samples)
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16) // bytes of the format
	b = binary.LittleEndian.AppendUint16(b, 1)  // PCM
	b = binary.LittleEndian.AppendUint16(b, 1)  // channels
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, rate) // bytes a second
	b = binary.LittleEndian.AppendUint16(b, 1)    // bytes a sample
	b = binary.LittleEndian.AppendUint16(b, 8)    // bits a sample
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, samples)
	return append(b, bytes.Repeat([]byte{0x80}, samples)...)
}
