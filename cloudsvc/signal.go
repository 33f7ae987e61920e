package cloudsvc

// signal leaves a token in a channel that holds one, unless it is there
// already.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
