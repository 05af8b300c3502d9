package awsfake

import (
	"bytes"
	"fmt"
	"math/big"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// condition evaluates a condition of DynamoDB while it reads it.
type condition struct {
	words  []string
	item   item
	values item
}

var words = regexp.MustCompile(`<>|<=|>=|[()=<>,]|[:#A-Za-z0-9_.]+`)

// holds evaluates a condition on an item, which is nil when there is none. No
// condition holds always.
func holds(expression *string, i, values item) (bool, error) {
	if expression == nil {
		return true, nil
	}
	c := &condition{words.FindAllString(*expression, -1), i, values}
	ok, err := c.or()
	if err == nil && len(c.words) > 0 {
		err = c.refuse()
	}
	return ok, err
}

func (c *condition) refuse() error {
	return Says("ValidationException", fmt.Sprintf("Invalid ConditionExpression: at %q", c.words))
}

// take removes the next word when it is this one.
func (c *condition) take(word string) bool {
	if len(c.words) > 0 && c.words[0] == word {
		c.words = c.words[1:]
		return true
	}
	return false
}

func (c *condition) or() (bool, error) {
	ok, err := c.and()
	for err == nil && c.take("OR") {
		var right bool
		right, err = c.and()
		ok = ok || right
	}
	return ok, err
}

func (c *condition) and() (bool, error) {
	ok, err := c.term()
	for err == nil && c.take("AND") {
		var right bool
		right, err = c.term()
		ok = ok && right
	}
	return ok, err
}

func (c *condition) term() (ok bool, err error) {
	switch {
	case c.take("("):
		ok, err = c.or()
		if err == nil && !c.take(")") {
			err = c.refuse()
		}
		return ok, err
	case c.take("attribute_not_exists"):
		v, err := c.argument()
		return v == nil, err
	case c.take("attribute_exists"):
		v, err := c.argument()
		return v != nil, err
	}
	left, err := c.operand()
	if err != nil || len(c.words) == 0 {
		return false, c.refuse()
	}
	operator := c.words[0]
	c.words = c.words[1:]
	right, err := c.operand()
	if err != nil {
		return false, err
	}
	return compare(left, operator, right)
}

func (c *condition) argument() (types.AttributeValue, error) {
	if !c.take("(") {
		return nil, c.refuse()
	}
	v, err := c.operand()
	if err == nil && !c.take(")") {
		err = c.refuse()
	}
	return v, err
}

// operand is an attribute, nil when the item has none of that name, or a value.
func (c *condition) operand() (types.AttributeValue, error) {
	if len(c.words) == 0 {
		return nil, c.refuse()
	}
	word := c.words[0]
	if word[0] != ':' {
		c.words = c.words[1:]
		return c.item[word], nil
	}
	v, ok := c.values[word]
	if !ok {
		return nil, c.refuse()
	}
	c.words = c.words[1:]
	return v, nil
}

// compare compares two values of one type; others never compare.
func compare(left types.AttributeValue, operator string, right types.AttributeValue) (bool, error) {
	if left == nil || fmt.Sprintf("%T", left) != fmt.Sprintf("%T", right) {
		return operator == "<>", nil
	}
	n := bytes.Compare(raw(left), raw(right))
	if _, ok := left.(*types.AttributeValueMemberN); ok {
		l, lok := new(big.Float).SetString(string(raw(left)))
		r, rok := new(big.Float).SetString(string(raw(right)))
		if !lok || !rok {
			return false, Says("ValidationException", "The parameter cannot be converted to a numeric value")
		}
		n = l.Cmp(r)
	}
	switch operator {
	case "=":
		return n == 0, nil
	case "<>":
		return n != 0, nil
	case "<":
		return n < 0, nil
	case "<=":
		return n <= 0, nil
	case ">":
		return n > 0, nil
	case ">=":
		return n >= 0, nil
	}
	return false, Says("ValidationException", "Invalid operator "+operator)
}
