package allocs

// What one operation may allocate: the allocations are exact, the bytes have a few percent of play, because short strings are
// cut from chunks. A path that has become cheaper keeps what it gained by a lower bound.
var (
	boundDecodeParams   = cost{1, 110}
	boundDecodeResult   = cost{3, 280}
	boundDispatch       = cost{8, 1070}
	boundCallTool       = cost{13, 1210}
	boundListTools      = cost{6, 850}
	boundCallOverPipe   = cost{32, 2900}
	boundCallOverStdio  = cost{14, 1240}
	boundCallOverHTTP   = cost{16, 1520}
	boundLargeResult    = cost{15, 1 << 14} // the text itself is in pooled buffers, and may cost a part of one when a pool was empty
	boundListOverHTTP   = cost{11, 1180}
	boundClientCallTool = cost{19, 1720}
)
